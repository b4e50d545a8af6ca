//! Parts of configurations that all vendors have.

/// Whether `url` is one that paths can be appended to: `http` or `https`, with a host, and without query,
/// fragment or user. Gives it without a slash at its end.
///
/// # Errors
/// A sentence for the admin, that names `field`.
pub fn base_url(field: &str, url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    let plain = !url.contains(['?', '#', '@', ' ']) && !url.contains(char::is_control);
    if host.is_empty() || !plain {
        return Err(format!("{field} {url:?} is not a URL like https://push.example.com"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Scheme, host and port of `url`: the origin of a VAPID token (RFC 8292, section 2).
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    let scheme = url.find("://")? + 3;
    let end = url.get(scheme..)?.find(['/', '?', '#']).map_or(url.len(), |end| scheme + end);
    url.get(..end).filter(|origin| origin.len() > scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_host_and_nothing_after_its_path() {
        assert_eq!(base_url("base_url", "https://a.example/x/"), Ok("https://a.example/x".to_owned()));
        for wrong in ["", "a.example", "ftp://a", "https://", "https:///x", "https://a?x", "https://u@a"] {
            let sentence = base_url("base_url", wrong).unwrap_err();
            assert!(sentence.starts_with("base_url"), "{sentence}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://push.example.com:8443/a/b?c"), Some("https://push.example.com:8443"));
        assert_eq!(origin("https://push.example.com"), Some("https://push.example.com"));
        assert_eq!(origin("https:///a"), None);
        assert_eq!(origin("push.example.com/a"), None);
    }
}
