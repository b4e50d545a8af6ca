//! Where a plugin may send HTTP requests: `host:port` with an optional leading `*.`, or `config:FIELD` for
//! the host that an admin names in the configuration.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{ValueError, text::written_as_text};

/// What a destination starts with that stands in the configuration.
const CONFIGURED: &str = "config:";

/// One allowed destination, such as `api.example.com:443`, `*.example.com:443`, `[2001:db8::1]:443`, or
/// `config:endpoint` for the host of the address in the field `endpoint` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpHost {
    any_subdomain: bool,
    place: Place,
}

/// What is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// A host, in lower case, an IPv6 address without its brackets; and a port.
    Host(String, u16),
    /// A field of the configuration that holds an address.
    Field(String),
}

impl HttpHost {
    /// Whether a request to `host` (an IPv6 address with or without brackets) at `port` is meant.
    /// `*.example.com` means every name below `example.com`, but not `example.com` itself. What stands in a
    /// configuration means nothing before it is [resolved](Self::resolve).
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let Place::Host(own, own_port) = &self.place else { return false };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bare.unwrap_or(host).to_ascii_lowercase();
        if port != *own_port {
            return false;
        }
        if !self.any_subdomain {
            return host == *own;
        }
        host.strip_suffix(own).and_then(|rest| rest.strip_suffix('.')).is_some_and(|below| !below.is_empty())
    }

    /// Whether everything that `other` means is meant here too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let (Place::Host(own, own_port), Place::Host(host, port)) = (&self.place, &other.place) else { return false };
        self.matches(host, *port)
            || (self.any_subdomain && other.any_subdomain && own_port == port && host.ends_with(&format!(".{own}")))
    }

    /// The host that `config:FIELD` stands for in the configuration `config`. Nothing for a host that is
    /// named, for a field that holds no `http` or `https` address, and for `*.` before an address of numbers.
    #[must_use]
    pub fn resolve(&self, config: &serde_json::Value) -> Option<Self> {
        let Place::Field(field) = &self.place else { return None };
        let address = config.get(field)?.as_str()?.to_ascii_lowercase();
        let (rest, own_port) = match address.strip_prefix("https://") {
            Some(rest) => (rest, 443),
            None => (address.strip_prefix("http://")?, 80),
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = format!("{authority}:{own_port}").parse().or_else(|_| authority.parse::<Self>()).ok()?;
        match host {
            Self { any_subdomain: false, place: Place::Host(host, port) } if self.any_subdomain => {
                format!("*.{host}:{port}").parse().ok()
            }
            Self { any_subdomain: false, place: Place::Host(..) } => Some(host),
            Self { .. } => None,
        }
    }
}

impl FromStr for HttpHost {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused = || {
            let must = "must be `host:port` in lower case, with an optional leading `*.`, or `config:FIELD`";
            ValueError::new("http host", must)
        };
        if let Some(field) = text.strip_prefix("*.").unwrap_or(text).strip_prefix(CONFIGURED) {
            // `config:443` is a host of that name, as it is where hosts are compared.
            let is_field = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if (1..=64).contains(&field.len())
                && field.starts_with(|first: char| first.is_ascii_lowercase())
                && field.bytes().all(is_field)
            {
                return Ok(Self { any_subdomain: text.starts_with('*'), place: Place::Field(field.to_owned()) });
            }
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port = parse_port(port).ok_or_else(refused)?;
        let (any_subdomain, host) = match host.strip_prefix("*.") {
            // A wildcard over a whole top-level domain would allow nearly everything.
            Some(rest) if is_domain(rest) && rest.contains('.') => (true, rest.to_owned()),
            Some(_) => return Err(refused()),
            None => (false, parse_host(host).ok_or_else(refused)?),
        };
        Ok(Self { any_subdomain, place: Place::Host(host, port) })
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = if self.any_subdomain { "*." } else { "" };
        match &self.place {
            Place::Field(field) => write!(f, "{wildcard}{CONFIGURED}{field}"),
            Place::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host(host, port) => write!(f, "{wildcard}{host}:{port}"),
        }
    }
}

written_as_text!(
    HttpHost,
    "HttpHost",
    "A destination `host:port` in lower case, with an optional leading `*.` for every name below the host; or `config:FIELD` for the host of the address in that field of the configuration.",
    r"^(((\*\.)?[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\]):[1-9][0-9]{0,4}|(\*\.)?config:[a-z][a-z0-9_]{0,63})$"
);

fn parse_port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    // A sign or a leading zero would give one port two spellings.
    (port > 0 && port.to_string() == text).then_some(port)
}

fn parse_host(text: &str) -> Option<String> {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().ok()?;
        return Some(address.to_string());
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.to_string());
    }
    is_domain(text).then(|| text.to_owned())
}

/// Whether `text` is a lower-case domain name (RFC 1123) that cannot be taken for an IPv4 address.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    // URL parsers read a last label of digits, or one in `0x` form, as an address.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    text.len() <= 253 && !numeric && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::HttpHost;

    fn host(text: &str) -> HttpHost {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_means_names_below_and_not_the_host_itself() {
        let below = host("*.example.com:443");
        assert!(below.matches("api.example.com", 443));
        assert!(below.matches("A.B.Example.COM", 443));
        assert!(!below.matches("example.com", 443));
        assert!(!below.matches("badexample.com", 443));
        assert!(!below.matches(".example.com", 443));
        assert!(!below.matches("api.example.com", 444));
    }

    #[test]
    fn an_ipv6_host_matches_with_and_without_brackets() {
        let address = host("[2001:db8::1]:8443");
        assert!(address.matches("[2001:db8::1]", 8443));
        assert!(address.matches("2001:db8::1", 8443));
        assert_eq!(address.to_string(), "[2001:db8::1]:8443");
    }

    #[test]
    fn what_has_no_single_clear_meaning_is_refused() {
        for text in [
            "",
            "example.com",
            ":443",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:+1",
            "example.com:080",
            "EXAMPLE.com:1",
            "*.com:443",
            "*:443",
            "a.*.com:1",
            "*.*.example.com:1",
            "https://example.com:443",
            "example.com/x:443",
            "exa mple.com:1",
            "-a.example.com:1",
            "a..b:1",
            "1.2.3:1",
            "0x7f.1:1",
            "example.0x7f:1",
            "*.1.2.3.4:1",
            "[::1:1",
            "user@example.com:1",
        ] {
            assert!(text.parse::<HttpHost>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_field_of_the_configuration_stands_for_the_host_in_it() {
        for (wish, address, resolved) in [
            ("config:endpoint", "https://S3.example.com", Some("s3.example.com:443")),
            ("config:endpoint", "http://10.0.0.1:9000/dav?x", Some("10.0.0.1:9000")),
            ("config:endpoint", "http://[2001:db8::1]", Some("[2001:db8::1]:80")),
            ("config:endpoint", "http://[2001:db8::1]:81/", Some("[2001:db8::1]:81")),
            ("*.config:endpoint", "https://s3.example.com/", Some("*.s3.example.com:443")),
            ("*.config:endpoint", "https://example", None),
            ("*.config:endpoint", "https://10.0.0.1", None),
            ("config:endpoint", "ftp://example.com", None),
            ("config:endpoint", "https://user@example.com", None),
            ("config:endpoint", "https://*.example.com", None),
            ("config:other", "https://example.com", None),
            ("example.com:443", "https://example.com", None),
        ] {
            let config = serde_json::json!({"endpoint": address});
            assert_eq!(
                host(wish).resolve(&config).map(|host| host.to_string()).as_deref(),
                resolved,
                "{wish} {address}"
            );
        }
        assert!(!host("config:endpoint").matches("config", 443));
        assert!(host("config:endpoint").covers(&host("config:endpoint")));
        assert!(!host("config:endpoint").covers(&host("example.com:443")));
        assert!(!host("*.config:endpoint").covers(&host("config:endpoint")));
        assert_eq!(host("*.config:endpoint").to_string(), "*.config:endpoint");
        assert!("config:Endpoint".parse::<HttpHost>().is_err());
    }

    #[test]
    fn a_wider_grant_covers_a_narrower_wish_and_not_the_reverse() {
        assert!(host("*.example.com:443").covers(&host("api.example.com:443")));
        assert!(host("*.example.com:443").covers(&host("*.eu.example.com:443")));
        assert!(!host("api.example.com:443").covers(&host("*.example.com:443")));
        assert!(!host("*.eu.example.com:443").covers(&host("*.example.com:443")));
        assert!(!host("*.example.com:443").covers(&host("api.example.com:80")));
    }
}
