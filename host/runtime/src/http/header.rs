//! Request headers: which ones a plugin may set, and secrets put in where `{{secret:NAME}}` stands.

use std::collections::BTreeSet;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use warbler_domain::SecretSource;

/// Most headers of one request.
const HEADERS: usize = 64;
/// Greatest length of one value, secrets put in.
const VALUE: usize = 8 << 10;

/// Headers that concern the connection (RFC 9110, section 7.6.1) or that the host alone can know.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const OPEN: &str = "{{secret:";
const CLOSE: &str = "}}";

/// The headers of a request, and which of them carry a secret.
pub(crate) struct Headers {
    pub(crate) all: HeaderMap,
    secret: Vec<HeaderName>,
}

impl Headers {
    /// Reads a plugin's headers, and puts granted secrets in.
    ///
    /// # Errors
    /// A sentence for the plugin, without any value: which header cannot be set, or which secret was
    /// not granted.
    pub(crate) async fn read(
        headers: Vec<(String, String)>,
        granted: &BTreeSet<String>,
        secrets: &dyn SecretSource,
    ) -> Result<Self, String> {
        if headers.len() > HEADERS {
            return Err(format!("it has {} headers, and {HEADERS} are the most", headers.len()));
        }
        let mut read = Self { all: HeaderMap::with_capacity(headers.len()), secret: Vec::new() };
        for (name, value) in headers {
            let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is not a header's name"))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(format!("the header {name} is the host's to set"));
            }
            let filled = fill(&value, granted, secrets).await.map_err(|why| format!("the header {name} {why}"))?;
            let hides = filled.is_some();
            let value = filled.unwrap_or(value);
            if value.len() > VALUE {
                return Err(format!("the header {name} is longer than {VALUE} bytes"));
            }
            let mut value =
                HeaderValue::try_from(value).map_err(|_| format!("the header {name} has a value that is not text"))?;
            if hides {
                value.set_sensitive(true);
                read.secret.push(name.clone());
            }
            read.all.append(name, value);
        }
        Ok(read)
    }

    /// Takes out what belongs to the first host alone, before a redirect leads to another.
    pub(crate) fn leave_origin(&mut self) {
        for name in self.secret.drain(..) {
            self.all.remove(name);
        }
        self.all.remove(hyper::header::AUTHORIZATION);
        self.all.remove(hyper::header::COOKIE);
    }

    /// Takes out what describes a body, once a redirect turned the request into one without.
    pub(crate) fn leave_body(&mut self) {
        self.all.remove(hyper::header::CONTENT_TYPE);
        self.all.remove(hyper::header::CONTENT_ENCODING);
    }
}

/// `value` with its secrets, or nothing if it names none.
async fn fill(value: &str, granted: &BTreeSet<String>, secrets: &dyn SecretSource) -> Result<Option<String>, String> {
    if !value.contains(OPEN) {
        return Ok(None);
    }
    let mut filled = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once(CLOSE).ok_or("names a secret without an end")?;
        filled.push_str(before);
        if !granted.contains(name) {
            return Err(format!("names the secret {name:?}, which was not granted"));
        }
        let secret = secrets.get(name).await.ok_or_else(|| format!("names the secret {name:?}, which is not set"))?;
        filled.push_str(&secret);
        rest = after;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct Token;

    #[async_trait]
    impl SecretSource for Token {
        async fn get(&self, name: &str) -> Option<String> {
            (name == "token").then(|| "s3cret".to_owned())
        }
    }

    async fn read(name: &str, value: &str) -> Result<HeaderMap, String> {
        let granted = BTreeSet::from(["token".to_owned(), "unset".to_owned()]);
        Headers::read(vec![(name.into(), value.into())], &granted, &Token).await.map(|headers| headers.all)
    }

    #[tokio::test]
    async fn a_granted_secret_is_put_in_and_hidden_from_debug_output() {
        let headers = read("authorization", "Bearer {{secret:token}}").await.unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn an_error_names_the_secret_and_shows_no_value() {
        for (value, reason) in [
            ("{{secret:other}}", "not granted"),
            ("{{secret:unset}}", "not set"),
            ("{{secret:token", "without an end"),
            ("{{secret:token}}\n", "not text"),
        ] {
            let error = read("x-key", value).await.unwrap_err();
            assert!(error.contains(reason) && !error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_plugin_sets_no_header_of_the_connection() {
        for name in RESERVED {
            assert!(read(name, "x").await.unwrap_err().contains("the host's to set"), "{name}");
        }
    }

    #[tokio::test]
    async fn another_host_gets_neither_secrets_nor_credentials() {
        let granted = BTreeSet::from(["token".to_owned()]);
        let given = [("x-key", "{{secret:token}}"), ("authorization", "Basic abc"), ("accept", "text/plain")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut headers = Headers::read(given, &granted, &Token).await.unwrap();
        headers.leave_origin();
        assert_eq!(headers.all.keys().collect::<Vec<_>>(), ["accept"]);
    }
}
