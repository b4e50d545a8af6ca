//! What the operator says of a relay.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use warbler_domain::TenantId;
use zeroize::Zeroizing;

/// How the way to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and is encrypted before anything is said; a relay that does not offer that gets
    /// nothing (RFC 3207).
    StartTls,
    /// It is encrypted from the first byte (RFC 8314).
    Implicit,
    /// It is not encrypted, and does not leave this machine.
    Loopback,
    /// It is not encrypted, and whoever listens reads the password and every letter.
    Clear,
}

/// Who the host is to a relay.
#[derive(Clone)]
pub struct SignIn {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("user", &self.user).finish_non_exhaustive()
    }
}

/// One relay.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Its name or address, which its certificate has to bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is protected.
    pub security: Security,
    /// Certificate authorities that are trusted beside the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Who the host is to it; nobody for a relay that knows the host by its address.
    pub sign_in: Option<SignIn>,
    /// Whom letters come from: `Warbler <no-reply@example.com>`.
    pub from: String,
    /// What the host calls itself when it greets; the domain of `from` unless set.
    pub hello: Option<String>,
    /// Tenants that may use it; all of them if there is none.
    pub tenants: BTreeSet<TenantId>,
    /// Letters in a minute, of all tenants together.
    pub letters_per_minute: NonZeroU32,
    /// Letters in a minute, of one tenant.
    pub tenant_letters_per_minute: NonZeroU32,
    /// Connections at a time.
    pub connections: usize,
    /// The longest that connecting may take, encryption and sign-in included.
    pub connect_timeout: Duration,
    /// The longest that any one answer may take.
    pub answer_timeout: Duration,
}

impl RelayOptions {
    /// The defaults, for a relay at `host` whose letters come from `from`.
    #[must_use]
    pub fn new(host: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 587,
            security: Security::StartTls,
            extra_roots: Vec::new(),
            sign_in: None,
            from: from.into(),
            hello: None,
            tenants: BTreeSet::new(),
            // What small mail servers take from one client; large ones take more.
            letters_per_minute: NonZeroU32::MIN.saturating_add(599),
            tenant_letters_per_minute: NonZeroU32::MIN.saturating_add(299),
            // Postfix lets one client have 50, and gets slower for those with many.
            connections: 4,
            connect_timeout: Duration::from_secs(5),
            // RFC 5321, section 4.5.3.2, allows minutes, which nobody at a sign-in waits for.
            answer_timeout: Duration::from_secs(20),
        }
    }
}
