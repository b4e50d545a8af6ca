//! TLS: the certificate and its key. The handshake is `tls.rs`'s work.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The host's certificate and key. Both are read again on SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The certificate and its chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM (PKCS #8, PKCS #1 or SEC 1).
    pub(crate) key: PathBuf,
}
