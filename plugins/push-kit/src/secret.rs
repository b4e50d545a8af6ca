//! Secrets that a signature needs. Those that stand in a header as they are should not be read: write
//! `{{secret:NAME}}` there, and the host puts them in.

use warbler_sdk::{Failure, secrets};

/// The secret called `name`.
///
/// # Errors
/// It is not set; the sentence names it.
pub fn required(name: &str) -> Result<String, Failure> {
    match secrets::get(name) {
        Some(secret) if !secret.trim().is_empty() => Ok(secret),
        _ => Err(Failure::Misconfigured(format!("the secret {name:?} is not set"))),
    }
}
