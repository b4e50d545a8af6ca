//! Where a plugin may send HTTP requests: `host:port` with an optional leading `*.`.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{ValueError, text::written_as_text};

/// One allowed destination, such as `api.example.com:443`, `*.example.com:443` or `[2001:db8::1]:443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpHost {
    any_subdomain: bool,
    /// Lower case; an IPv6 address without its brackets.
    host: String,
    port: u16,
}

impl HttpHost {
    /// Whether a request to `host` (an IPv6 address with or without brackets) at `port` is meant.
    /// `*.example.com` means every name below `example.com`, but not `example.com` itself.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bare.unwrap_or(host).to_ascii_lowercase();
        if port != self.port {
            return false;
        }
        if !self.any_subdomain {
            return host == self.host;
        }
        host.strip_suffix(&self.host).and_then(|rest| rest.strip_suffix('.')).is_some_and(|below| !below.is_empty())
    }

    /// Whether everything that `other` means is meant here too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        self.matches(&other.host, other.port)
            || (self.any_subdomain
                && other.any_subdomain
                && self.port == other.port
                && other.host.ends_with(&format!(".{}", self.host)))
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HttpHost {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused =
            || ValueError::new("http host", "must be `host:port` in lower case, with an optional leading `*.`");
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port = parse_port(port).ok_or_else(refused)?;
        let (any_subdomain, host) = match host.strip_prefix("*.") {
            // A wildcard over a whole top-level domain would allow nearly everything.
            Some(rest) if is_domain(rest) && rest.contains('.') => (true, rest.to_owned()),
            Some(_) => return Err(refused()),
            None => (false, parse_host(host).ok_or_else(refused)?),
        };
        Ok(Self { any_subdomain, host, port })
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = if self.any_subdomain { "*." } else { "" };
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{wildcard}{}:{}", self.host, self.port)
    }
}

written_as_text!(
    HttpHost,
    "HttpHost",
    "A destination `host:port` in lower case, with an optional leading `*.` for every name below the host.",
    r"^((\*\.)?[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\]):[1-9][0-9]{0,4}$"
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
    fn a_wider_grant_covers_a_narrower_wish_and_not_the_reverse() {
        assert!(host("*.example.com:443").covers(&host("api.example.com:443")));
        assert!(host("*.example.com:443").covers(&host("*.eu.example.com:443")));
        assert!(!host("api.example.com:443").covers(&host("*.example.com:443")));
        assert!(!host("*.eu.example.com:443").covers(&host("*.example.com:443")));
        assert!(!host("*.example.com:443").covers(&host("api.example.com:80")));
    }
}
