//! Pseudonyms: what a plugin without the permission `sender-identity` sees in place of a person's
//! identifier. Stable within one installation, and unlike that of any other.

use aws_lc_rs::hmac;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};
use warbler_domain::{InstallationId, UserId};

use crate::RuntimeKey;

/// Makes one installation's pseudonyms.
#[derive(Clone)]
pub(crate) struct Pseudonyms {
    keyed: Sha256,
}

impl Pseudonyms {
    pub(crate) fn new(key: &RuntimeKey, installation: InstallationId) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"warbler pseudonyms 1");
        context.update(installation.as_bytes());
        let mut keyed = Sha256::new();
        keyed.update(context.sign());
        Self { keyed }
    }

    /// The pseudonym of `user`, shaped like an identifier: `UUIDv8` (RFC 9562).
    ///
    /// SHA-256 over a secret key of fixed length and an input of fixed length: one block, which a call
    /// can afford, and nothing that an extension of the message could exploit.
    pub(crate) fn of(&self, user: UserId) -> Uuid {
        let mut hasher = self.keyed.clone();
        hasher.update(user.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut bytes = [0; 16];
        for (byte, from) in bytes.iter_mut().zip(digest) {
            *byte = from;
        }
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_stable_within_an_installation_and_differs_between_two() {
        let key = RuntimeKey::new([7; 32]);
        let (one, two) = (InstallationId::from_uuid(Uuid::now_v7()), InstallationId::from_uuid(Uuid::now_v7()));
        let user = UserId::from_uuid(Uuid::now_v7());
        let pseudonym = Pseudonyms::new(&key, one).of(user);
        assert_eq!(pseudonym, Pseudonyms::new(&key, one).of(user));
        assert_ne!(pseudonym, Pseudonyms::new(&key, two).of(user));
        assert_ne!(pseudonym, Pseudonyms::new(&RuntimeKey::new([8; 32]), one).of(user));
        assert_ne!(pseudonym, user.as_uuid());
        assert_eq!(pseudonym.get_version_num(), 8);
    }
}
