//! A key-value store, private to one installation and sealed. Permission `storage`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::storage as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::storage as host;

/// The value under `key`.
#[must_use]
pub fn get(key: &str) -> Option<Vec<u8>> {
    host::get(key)
}

/// Puts `value` under `key`.
///
/// # Errors
/// The quota would be passed, or a part is too long; the sentence names the limit.
pub fn set(key: &str, value: &[u8]) -> Result<(), String> {
    host::set(key, value)
}

/// Removes `key`, if it is there.
pub fn delete(key: &str) {
    host::delete(key);
}

/// Keys that start with `prefix`, in order, after `after`, at most `limit`.
#[must_use]
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    host::keys(prefix, after, limit)
}
