//! Secrets that a signature needs. Those that stand in a header as they are should not be read: write
//! `{{secret:NAME}}` there, and the host puts them in.

use serde::de::DeserializeOwned;
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

/// The key file of a service account that the secret called `name` holds: as it was written, and read.
///
/// # Errors
/// It is not set, or is no such file; the sentence names it, and nothing of what it holds.
pub fn service_account<T: DeserializeOwned>(name: &str) -> Result<(String, T), Failure> {
    let written = required(name)?;
    let account = serde_json::from_str(&written).map_err(|error| {
        // The error's own words could repeat a part of the key.
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::Misconfigured(format!("the secret {name:?} is not a service account's key file ({place})"))
    })?;
    Ok((written, account))
}
