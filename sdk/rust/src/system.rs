//! Time and randomness. Always there.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::system as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::system as host;

use crate::Timestamp;

/// Milliseconds since the Unix epoch, UTC.
#[must_use]
pub fn now() -> Timestamp {
    host::now()
}

/// So many random bytes, fit for keys.
#[must_use]
pub fn random(bytes: u32) -> Vec<u8> {
    host::random(bytes)
}
