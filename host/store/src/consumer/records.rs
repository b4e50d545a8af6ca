//! What a consumer keeps in state, and under which names.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use warbler_domain::{Position, StateKey, StoreError, Timestamp};

/// The family of all records of consumers.
const FAMILY: &str = "consumer";

/// Everything up to this position is settled.
#[derive(Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) position: Position,
}

/// Something to try again.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Retry {
    /// How often it failed.
    pub(super) attempt: u32,
    pub(super) due: Timestamp,
    /// When it first failed.
    pub(super) since: Timestamp,
}

/// Something that was given up.
#[derive(Serialize, Deserialize)]
pub(super) struct ParkedRecord {
    pub(super) attempts: u32,
    pub(super) at: Timestamp,
    pub(super) reason: String,
}

/// Something that an operator wants to have tried again.
#[derive(Serialize, Deserialize)]
pub(super) struct Replay {
    pub(super) at: Timestamp,
}

/// Encodes a record.
pub(super) fn write<T: Serialize>(record: &T) -> Result<Bytes, StoreError> {
    let json = serde_json::to_vec(record);
    json.map(Bytes::from).map_err(|source| StoreError::Io { doing: "encoding a record", source: source.into() })
}

/// Decodes a record.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "consumer's record" })
}

/// The position that a key ends in.
pub(super) fn position(key: &StateKey) -> Result<Position, StoreError> {
    key.last().parse().map(Position).map_err(|_| StoreError::Corrupt { what: "consumer's record" })
}

/// The names of one consumer's records.
#[derive(Clone)]
pub(super) struct Names(String);

impl Names {
    pub(super) fn new(consumer: &str) -> Self {
        Self(consumer.to_owned())
    }

    pub(super) fn cursor(&self) -> StateKey {
        StateKey::new(FAMILY, &[&self.0, &"cursor"])
    }

    pub(super) fn retries(&self) -> StateKey {
        StateKey::new(FAMILY, &[&self.0, &"retry"])
    }

    pub(super) fn retry(&self, position: Position) -> StateKey {
        self.at("retry", position)
    }

    pub(super) fn all_parked(&self) -> StateKey {
        StateKey::new(FAMILY, &[&self.0, &"parked"])
    }

    pub(super) fn parked(&self, position: Position) -> StateKey {
        self.at("parked", position)
    }

    pub(super) fn replays(&self) -> StateKey {
        StateKey::new(FAMILY, &[&self.0, &"replay"])
    }

    pub(super) fn replay(&self, position: Position) -> StateKey {
        self.at("replay", position)
    }

    /// Twenty digits hold every position, so that the order of keys is that of positions.
    fn at(&self, what: &str, position: Position) -> StateKey {
        StateKey::new(FAMILY, &[&self.0, &what, &format_args!("{:020}", position.0)])
    }
}
