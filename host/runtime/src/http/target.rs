//! Targets: a URL that a plugin asked for, read once, and compared with what was granted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hyper::Uri;
use url::{Host, Url};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
    /// The host in lower case, without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Target {
    /// Reads an absolute URL.
    ///
    /// The one parser here decides what the host is: its spellings of an address (`0x7f.1`, a percent
    /// sign, full-width digits) are resolved before anything is compared.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::new(Url::parse(text).map_err(|error| format!("the URL does not parse: {error}"))?)
    }

    /// Where `location`, absolute or relative, leads from here.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, String> {
        Self::new(self.url.join(location).map_err(|error| format!("the redirect does not parse: {error}"))?)
    }

    fn new(mut url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme {:?} is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL carries a user name or password".into());
        }
        url.set_fragment(None);
        let host = match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => return Err("the URL has no host".into()),
        };
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        Ok(Self { url, host, port })
    }

    /// Whether `grants` has this host and port.
    pub(crate) fn is_granted(&self, grants: &BTreeSet<String>) -> bool {
        grants.iter().any(|grant| self.matches(grant))
    }

    fn matches(&self, grant: &str) -> bool {
        let Some((host, port)) = grant.rsplit_once(':') else { return false };
        if port.parse() != Ok(self.port) {
            return false;
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        match host.strip_prefix("*.") {
            // Any subdomain, at any depth; not the domain itself, and never an address.
            Some(domain) => {
                self.ip().is_none()
                    && self.host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => match host.parse::<IpAddr>() {
                Ok(ip) => self.ip() == Some(ip),
                Err(_) => host == self.host,
            },
        }
    }

    /// The address, if the host is written as one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether both lead to the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.url.scheme() == other.url.scheme() && self.host == other.host && self.port == other.port
    }

    /// Whether following a redirect to `other` would give up encryption.
    pub(crate) fn downgrades_to(&self, other: &Self) -> bool {
        self.url.scheme() == "https" && other.url.scheme() == "http"
    }

    /// As a request's target.
    pub(crate) fn uri(&self) -> Result<Uri, String> {
        self.url.as_str().parse().map_err(|error| format!("the URL cannot be requested: {error}"))
    }

    /// `host:port`, for messages.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(url: &str, grant: &str) -> bool {
        Target::parse(url).unwrap().is_granted(&BTreeSet::from([grant.to_owned()]))
    }

    #[test]
    fn a_grant_is_for_one_host_and_one_port() {
        assert!(granted("https://api.example.com/v1", "api.example.com:443"));
        assert!(granted("https://API.Example.com./v1", "api.example.com:443"));
        assert!(granted("http://[2606:4700::1]:8080/", "[2606:4700::1]:8080"));
        assert!(!granted("http://api.example.com/v1", "api.example.com:443"));
        assert!(!granted("https://api.example.com:8443/", "api.example.com:443"));
        assert!(!granted("https://api.example.com.evil.test/", "api.example.com:443"));
        assert!(!granted("https://api.example.com/", "api.example.com"));
    }

    #[test]
    fn a_star_stands_for_subdomains_and_nothing_else() {
        assert!(granted("https://a.example.com/", "*.example.com:443"));
        assert!(granted("https://a.b.example.com/", "*.example.com:443"));
        assert!(!granted("https://example.com/", "*.example.com:443"));
        assert!(!granted("https://badexample.com/", "*.example.com:443"));
        assert!(!granted("https://10.0.0.1/", "*.0.0.1:443"));
    }

    #[test]
    fn an_address_is_recognised_in_every_spelling() {
        for url in
            ["http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://１２７.0.0.1/"]
        {
            assert_eq!(Target::parse(url).unwrap().ip(), Some([127, 0, 0, 1].into()), "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_refused_with_the_reason() {
        for (url, reason) in [
            ("ftp://example.com/", "neither http nor https"),
            ("file:///etc/passwd", "neither http nor https"),
            ("https://user:secret@example.com/", "user name or password"),
            ("/relative", "does not parse"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secret"), "{error}");
        }
    }
}
