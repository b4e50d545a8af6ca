//! Where a server is, as an admin writes it, and how paths are written into URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986, section 2.3: what Signature Version 4 asks for, and right
/// everywhere else.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` with everything but unreserved characters encoded.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A server's address: scheme, host and port, and the path below which all is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    /// In lower case; an IPv6 address with its brackets.
    host: String,
    /// Absent where it is the scheme's own.
    port: Option<u16>,
    /// Encoded; starts with a slash, or is empty, and has none at its end.
    path: String,
}

impl Endpoint {
    /// Reads `https://host[:port][/path]`, or the same with `http`.
    ///
    /// # Errors
    /// A sentence that names the field `endpoint`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused =
            || "`endpoint` must be an address like https://host.example.com or http://10.0.0.1:9000".to_owned();
        let (scheme, rest, own_port) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => ("https", rest, 443),
            (None, Some(rest)) => ("http", rest, 80),
            (None, None) => return Err(refused()),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.contains('@') {
            return Err(
                "`endpoint` must not hold a user name or password: they belong to `user` and to the secrets".into()
            );
        }
        let after_address = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority.get(after_address..).and_then(|rest| rest.rfind(':')) {
            Some(colon) => authority.split_at(after_address + colon),
            None => (authority, ""),
        };
        let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host_byte) {
            return Err(refused());
        }
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(digits.parse::<u16>().map_err(|_| refused())?),
            None => None,
        };
        // Only a path: a query or a fragment would end up in the middle of every address made from it.
        let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%!$&'()*+,;=:@".contains(&byte);
        let path = path.trim_end_matches('/');
        if !path.bytes().all(is_path_byte) || path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refused());
        }
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| *port != own_port),
            path: path.into(),
        })
    }

    /// The same server under a name below its own: `NAME.host`.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { host: format!("{name}.{}", self.host), ..self.clone() }
    }

    /// Host and port, as the header `host` has them.
    #[must_use]
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// The path below which all is: encoded, without a slash at its end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address of `path`, which is encoded, absolute, and may carry a query.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.authority())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_its_own_port_left_out() {
        for (text, authority, path) in [
            ("https://S3.Example.com", "s3.example.com", ""),
            ("https://s3.example.com:443/", "s3.example.com", ""),
            ("http://10.0.0.1:9000/dav/files/", "10.0.0.1:9000", "/dav/files"),
            ("http://[2001:db8::1]:80/a%20b", "[2001:db8::1]", "/a%20b"),
            ("http://[2001:db8::1]", "[2001:db8::1]", ""),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.authority().as_str(), endpoint.path()), (authority, path));
        }
        let bucket = Endpoint::parse("https://s3.example.com:8443").unwrap().below("bucket");
        assert_eq!(bucket.url("/a?b"), "https://bucket.s3.example.com:8443/a?b");
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for text in [
            "",
            "s3.example.com",
            "ftp://a",
            "https://",
            "https://a:b",
            "https://a:99999",
            "https://a b",
            "https://a/?q",
            "https://a/#f",
            "https://a/../b",
        ] {
            assert!(Endpoint::parse(text).unwrap_err().starts_with("`endpoint` must be"), "{text:?}");
        }
        let sentence = Endpoint::parse("https://me:hunter2@a").unwrap_err();
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }

    #[test]
    fn only_unreserved_characters_stay_as_they_are() {
        assert_eq!(encode("aZ0-._~/ +=ä"), "aZ0-._~%2F%20%2B%3D%C3%A4");
    }
}
