//! The file of wrapped keys: `magic (8) | fingerprint of the master key (16)`, then for each tenant
//! `tenant (16) | nonce (12) | wrapped key (32 + 16)`.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;
use warbler_domain::TenantId;
use zeroize::Zeroizing;

use super::master::MasterKey;
use crate::OpenError;

/// Names the format and its version.
const MAGIC: &[u8; 8] = b"wblkeys1";

const ENTRY: usize = 16 + NONCE_LEN + 32 + 16;

/// The secret of one tenant.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Wraps all secrets for the file; `None` if the system's cryptography fails.
pub(super) fn wrap(master: &MasterKey, secrets: &BTreeMap<TenantId, Secret>) -> Option<Vec<u8>> {
    let wrapping = master.wrapping()?;
    let mut file = Vec::with_capacity(MAGIC.len() + 16 + secrets.len() * ENTRY);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&master.fingerprint()?);
    for (tenant, secret) in secrets {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut key = Zeroizing::new(secret.to_vec());
        let tag = wrapping
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated(*tenant), &mut key)
            .ok()?;
        file.extend_from_slice(tenant.as_bytes());
        file.extend_from_slice(&nonce);
        file.extend_from_slice(&key);
        file.extend_from_slice(tag.as_ref());
    }
    Some(file)
}

/// Opens the file of wrapped keys.
pub(super) fn unwrap(master: &MasterKey, file: &[u8]) -> Result<BTreeMap<TenantId, Secret>, OpenError> {
    let rest = file.strip_prefix(MAGIC).ok_or(OpenError::BadKeyFile)?;
    let (fingerprint, entries) = rest.split_first_chunk::<16>().ok_or(OpenError::BadKeyFile)?;
    if master.fingerprint() != Some(*fingerprint) {
        return Err(OpenError::WrongMasterKey);
    }
    let wrapping = master.wrapping().ok_or(OpenError::BadKeyFile)?;
    let entries = entries.chunks_exact(ENTRY);
    if !entries.remainder().is_empty() {
        return Err(OpenError::BadKeyFile);
    }
    let mut secrets = BTreeMap::new();
    for entry in entries {
        let (tenant, rest) = entry.split_first_chunk::<16>().ok_or(OpenError::BadKeyFile)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::BadKeyFile)?;
        let (wrapped, tag) = sealed.split_last_chunk::<16>().ok_or(OpenError::BadKeyFile)?;
        let tenant = TenantId::from_uuid(Uuid::from_bytes(*tenant));
        let mut secret = Zeroizing::new([0; 32]);
        wrapping
            .open_separate_gather(Nonce::from(nonce), associated(tenant), wrapped, tag, secret.as_mut_slice())
            .map_err(|_| OpenError::BadKeyFile)?;
        secrets.insert(tenant, secret);
    }
    Ok(secrets)
}

fn associated(tenant: TenantId) -> Aad<Vec<u8>> {
    let mut data = MAGIC.to_vec();
    data.extend_from_slice(tenant.as_bytes());
    Aad::from(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_open_under_their_master_key_alone() {
        let (master, other) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        let tenant = TenantId::from_uuid(Uuid::from_u128(7));
        let file = wrap(&master, &BTreeMap::from([(tenant, Zeroizing::new([9; 32]))])).unwrap();
        assert_eq!(*unwrap(&master, &file).unwrap()[&tenant], [9; 32]);
        assert!(matches!(unwrap(&other, &file), Err(OpenError::WrongMasterKey)));
    }

    #[test]
    fn a_key_moved_to_another_tenant_does_not_open() {
        let master = MasterKey::from_bytes([1; 32]);
        let tenant = TenantId::from_uuid(Uuid::from_u128(7));
        let mut file = wrap(&master, &BTreeMap::from([(tenant, Zeroizing::new([9; 32]))])).unwrap();
        file[24] ^= 1;
        assert!(matches!(unwrap(&master, &file), Err(OpenError::BadKeyFile)));
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_refused_without_panic(
            head in any::<bool>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let master = MasterKey::from_bytes([1; 32]);
            let mut file = if head { wrap(&master, &BTreeMap::new()).unwrap() } else { Vec::new() };
            file.extend_from_slice(&bytes);
            let opened = unwrap(&master, &file);
            prop_assert!(opened.is_err() || (head && bytes.is_empty()));
        }
    }
}
