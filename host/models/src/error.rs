//! Why a client could not be made. What goes wrong in a call is said by the ports' own errors.

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// TLS could not be set up: the system's certificates cannot be read, for example.
    #[error("the HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
}

impl ClientError {
    /// Whether trying again may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        false
    }
}
