//! Sessions of people: what sign-in costs. How long a session lasts is each tenant's policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, range};

/// What sign-in costs, and how often sessions are looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sessions {
    /// Memory of one password hash (Argon2id), in KiB.
    pub(crate) password_memory_kib: u32,
    /// Passes of one password hash over its memory.
    pub(crate) password_passes: u32,
    /// Password hashes that may be computed at a time.
    pub(crate) password_workers: u64,
    /// How often sessions are looked through for those that are over, in seconds.
    pub(crate) sweep_seconds: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        // The first choice of the OWASP Password Storage Cheat Sheet.
        Self { password_memory_kib: 19 * 1024, password_passes: 2, password_workers: 2, sweep_seconds: 5 }
    }
}

impl Sessions {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // The least that the same sheet allows is 7 MiB with five passes.
        range("sessions.password_memory_kib", self.password_memory_kib.into(), 7 * 1024, 4 * 1024 * 1024)?;
        range("sessions.password_passes", self.password_passes.into(), 1, 100)?;
        range("sessions.password_workers", self.password_workers, 1, 256)?;
        range("sessions.sweep_seconds", self.sweep_seconds, 1, 3_600)
    }
}
