//! What can be wrong with a relay's settings. What a relay says of letters is the domain's `MailError`.

/// Why a relay cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailSetupError {
    /// The address that letters come from is none.
    #[error("the sender {from:?} is not an address like \"Warbler <no-reply@example.com>\"")]
    Sender {
        /// As it was written.
        from: String,
    },
    /// The relay's host is neither a name nor an address.
    #[error("the relay's host {host:?} is neither a name nor an address")]
    Host {
        /// As it was written.
        host: String,
    },
    /// A trusted certificate cannot be used, or TLS cannot be set up.
    #[error("TLS to the relay cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl MailSetupError {
    /// Whether trying again may succeed without anybody changing a setting.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        false
    }
}
