//! What the keys of a tenant's backups look like on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::{InstallationId, Timestamp};
use warbler_service::{Escrow, KeyRotation, KeyState};

use super::view::BackupFailureView;

/// A passphrase that shall open the repository.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddKey {
    /// The passphrase, 12 characters at least.
    pub(super) passphrase: String,
    /// Whether the key stands in the repository, where restic finds it. Otherwise the answer is all there is of it.
    #[serde(default = "yes")]
    pub(super) in_repository: bool,
    /// The caller's password, once more.
    pub(super) password: String,
}

const fn yes() -> bool {
    true
}

/// A passphrase that opens the repository in the sink.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adopt {
    /// The passphrase.
    pub(super) passphrase: String,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// The caller's password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    /// The password.
    pub(super) password: String,
}

/// A key by passphrase.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    /// Its identifier.
    pub(super) id: String,
    /// The key file, as restic has it, in base64.
    pub(super) file: String,
    /// Whether it stands in the repository.
    pub(super) in_repository: bool,
}

/// The keys by passphrase that stand in the repository.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    /// Their identifiers.
    pub(super) keys: Vec<String>,
}

/// A sink into which the repository goes under a new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateKey {
    /// The installation of a sink that runs and is empty.
    #[schema(value_type = String, format = "uuid")]
    pub(super) sink: InstallationId,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// A change of the repository's key that is not through.
#[derive(Serialize, ToSchema)]
pub(super) struct RotationView {
    /// The installation of the sink into which everything is copied.
    #[schema(value_type = String, format = "uuid")]
    pub(super) sink: InstallationId,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub(super) since: Timestamp,
    /// Why it does not go on by itself, if it does not: asking again goes on with what was copied.
    pub(super) failure: Option<BackupFailureView>,
    /// What a person has to do once it is through: the old repository stays as it is, and opens with the old key and
    /// its passphrases until its sink is emptied; no passphrase opens the new one until one is given to it.
    pub(super) to_do: Vec<String>,
}

/// How the repository's own key stands.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyStateView {
    /// The change that is not through.
    pub(super) rotation: Option<RotationView>,
    /// When it was changed last.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub(super) rotated_at: Option<Timestamp>,
    /// What a person has to do since then.
    pub(super) to_do: Vec<String>,
}

impl From<Escrow> for KeyView {
    fn from(Escrow { id, file, in_repository }: Escrow) -> Self {
        Self { id, file, in_repository }
    }
}

impl From<KeyState> for KeyStateView {
    fn from(KeyState { rotation, rotated_at, to_do }: KeyState) -> Self {
        Self { rotation: rotation.map(Into::into), rotated_at, to_do }
    }
}

impl From<KeyRotation> for RotationView {
    fn from(KeyRotation { sink, since, failure, to_do }: KeyRotation) -> Self {
        Self { sink, since, failure: failure.map(Into::into), to_do }
    }
}
