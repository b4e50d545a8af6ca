//! What a store is opened with.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use warbler_domain::ByteSize;

use crate::{MasterKey, OpenError};

/// Where a store keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory, until it is closed: for tests and trials.
    Memory,
    /// In a folder, in an embedded database.
    Sled(PathBuf),
}

impl FromStr for Location {
    type Err = OpenError;

    /// Reads `memory`, or `sled:` and the path of a folder.
    fn from_str(text: &str) -> Result<Self, OpenError> {
        match text.strip_prefix("sled:") {
            Some(path) if !path.is_empty() => Ok(Self::Sled(PathBuf::from(path))),
            None if text == "memory" => Ok(Self::Memory),
            _ => Err(OpenError::BadLocation { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
        }
    }
}

/// What an acknowledgement is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// What is acknowledged survives a power cut.
    #[default]
    Synced,
    /// What is acknowledged survives the end of the process, but the last seconds may be lost in a
    /// power cut. Faster where an fsync is slow; a warning in the log says that it is chosen.
    Relaxed,
}

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where it keeps things.
    pub location: Location,
    /// The key over all keys.
    pub master: MasterKey,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// Memory that the database may use for pages it has read.
    pub cache: ByteSize,
}

impl StoreOptions {
    /// With the defaults: synced, and 32 MiB of cache. With eight times as much, 600,000 appends under keys of their own
    /// were no faster; what is read again lies in the system's cache as well.
    #[must_use]
    pub const fn new(location: Location, master: MasterKey) -> Self {
        Self { location, master, durability: Durability::Synced, cache: ByteSize::mib(32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_reads_back_as_it_is_written() {
        for text in ["memory", "sled:/var/lib/warbler", "sled:data"] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_locations_are_named_in_the_error() {
        for text in ["", "sled:", "sled", "postgres://x", "memory:"] {
            assert!(text.parse::<Location>().unwrap_err().to_string().contains(&format!("{text:?}")), "{text}");
        }
    }
}
