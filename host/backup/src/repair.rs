//! Makes good what can be made good of damaged packs, and takes in those that a run left behind which was cut short.
//! What of a damaged pack still opens goes into a new one, the damaged one goes, and the index is made to say so; what
//! was lost with it, the next version stores again if the host still has it.
//!
//! Blobs are moved as they are, sealed. The layout of a pack:
//! <https://restic.readthedocs.io/en/stable/100_references.html#pack-format>.

use std::collections::{HashMap, HashSet};

use aes256ctr_poly1305aes::aead::Aead as _;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key};
use bytes::Bytes;
use rustic_core::repofile::{BlobType, IndexBlob, IndexFile, IndexPack, MasterKey};
use rustic_core::{FileType, Id, OpenStatus, ReadBackend, RepairIndexOptions, Repository, RusticError};
use sha2::{Digest as _, Sha256};
use warbler_domain::{BackupError, Repaired};
use zeroize::Zeroizing;

use crate::backend::{SinkBackend, name_of};
use crate::error::internal;
use crate::mirror::is_named_by_digest;

/// Bytes before and behind what is sealed.
const NONCE: usize = 16;

/// Looks at every pack in full, and mends those that are damaged.
pub(crate) fn repair(repository: &Repository<OpenStatus>, backend: &SinkBackend) -> Result<Repaired, BackupError> {
    let explain = |error: Box<RusticError>| backend.fault.explain(&error);
    let mut packs: Vec<IndexPack> = Vec::new();
    for index in repository.stream_files::<IndexFile>().map_err(explain)? {
        packs.extend(index.map_err(explain)?.1.packs);
    }
    let cipher = cipher(&repository.key())?;
    let mut done = Repaired::default();
    for pack in packs {
        let name = name_of(FileType::Pack, &pack.id);
        let found = backend.get_whole(&name)?;
        if found.as_ref().is_some_and(|bytes| is_named_by_digest(&name, bytes) == Some(true)) {
            continue;
        }
        let (blobs, kept) = (pack.blobs.len(), found.map_or_else(Vec::new, |bytes| whole_ones(&cipher, pack, &bytes)));
        done.lost += (blobs - kept.len()) as u64;
        if !kept.is_empty() {
            // Before the damaged one goes, so that nothing is in neither.
            let (name, bytes) = packed(&cipher, &kept)?;
            backend.put(&name, bytes)?;
        }
        backend.delete(&name)?;
        done.packs.push(name);
    }
    if !done.packs.is_empty() {
        repository.repair_index(&RepairIndexOptions::default(), false).map_err(explain)?;
    }
    backend.fault.check().map(|()| done)
}

/// Names packs in the index that a run stored which was cut short before it came to that, so that the next one need not
/// store them again. Of several sinks one alone may have them, so that they are left to be freed there.
pub(crate) fn take_in(repository: &Repository<OpenStatus>, backend: &SinkBackend) -> Result<(), BackupError> {
    if !backend.is_one() {
        return Ok(());
    }
    let explain = |error: Box<RusticError>| backend.fault.explain(&error);
    let listed = ReadBackend::list_with_size(backend, FileType::Pack).map_err(explain)?;
    let listed: HashMap<Id, u32> = listed.into_iter().collect();
    let mut named: HashSet<Id> = HashSet::new();
    for index in repository.stream_files::<IndexFile>().map_err(explain)? {
        let (_, IndexFile { packs, packs_to_delete, .. }) = index.map_err(explain)?;
        for pack in packs.into_iter().chain(packs_to_delete) {
            // What is missing or has another length is damage, or a list that is not whole: not the time for this.
            if listed.get(&pack.id) != Some(&pack.pack_size()) {
                return Ok(());
            }
            named.insert(*pack.id);
        }
    }
    let left = listed.keys().filter(|id| !named.contains(*id)).count();
    if left > 0 {
        tracing::info!(packs = left, "what a run stored that was cut short is used");
        repository.repair_index(&RepairIndexOptions::default(), false).map_err(explain)?;
    }
    backend.fault.check()
}

fn cipher(key: &MasterKey) -> Result<Aes256CtrPoly1305Aes, BackupError> {
    let key = Zeroizing::new([key.encrypt.as_slice(), &key.mac.k, &key.mac.r].concat());
    let mut sealing = Key::default();
    if key.len() != sealing.len() {
        return Err(internal("the repository's key has another length"));
    }
    sealing.copy_from_slice(&key);
    Ok(Aes256CtrPoly1305Aes::new(&sealing))
}

/// The blobs of a pack that still open, each with its sealed bytes.
fn whole_ones(cipher: &Aes256CtrPoly1305Aes, pack: IndexPack, bytes: &Bytes) -> Vec<(IndexBlob, Bytes)> {
    let whole = pack.blobs.into_iter().filter_map(|blob| {
        let from = usize::try_from(blob.location.offset).ok()?;
        let to = from.checked_add(usize::try_from(blob.location.length).ok()?)?;
        let sealed = (to <= bytes.len()).then(|| bytes.slice(from..to))?;
        opens(cipher, &sealed).then_some((blob, sealed))
    });
    whole.collect()
}

fn opens(cipher: &Aes256CtrPoly1305Aes, sealed: &[u8]) -> bool {
    let parts = sealed.split_at_checked(NONCE);
    parts.is_some_and(|(nonce, rest)| cipher.decrypt(nonce.into(), rest).is_ok())
}

/// A pack of these blobs, and its name.
fn packed(cipher: &Aes256CtrPoly1305Aes, blobs: &[(IndexBlob, Bytes)]) -> Result<(String, Bytes), BackupError> {
    let (mut pack, mut header) = (Vec::new(), Vec::new());
    for (blob, sealed) in blobs {
        pack.extend_from_slice(sealed);
        let uncompressed = blob.location.uncompressed_length;
        let kind = match (blob.tpe, uncompressed) {
            (BlobType::Data, None) => 0,
            (BlobType::Tree, None) => 1,
            (BlobType::Data, Some(_)) => 2,
            (BlobType::Tree, Some(_)) => 3,
        };
        header.push(kind);
        header.extend_from_slice(&blob.location.length.to_le_bytes());
        if let Some(length) = uncompressed {
            header.extend_from_slice(&length.get().to_le_bytes());
        }
        let id = hex::decode(blob.id.to_hex().as_str()).map_err(|_| internal("a blob's name is no digest"))?;
        header.extend_from_slice(&id);
    }
    // Of what is sealed and where it goes, so that two headers have one nonce only if they are the same.
    let digest = Sha256::new_with_prefix(&pack).chain_update(&header).finalize();
    let (nonce, _) = digest.split_at(NONCE);
    let sealed = cipher.encrypt(nonce.into(), header.as_slice()).map_err(|_| internal("a header cannot be sealed"))?;
    let length = u32::try_from(NONCE + sealed.len()).map_err(|_| internal("a header is too long"))?;
    pack.extend_from_slice(nonce);
    pack.extend_from_slice(&sealed);
    pack.extend_from_slice(&length.to_le_bytes());
    let id = hex::encode(Sha256::digest(&pack));
    Ok((format!("data/{}/{id}", id.get(..2).unwrap_or_default()), pack.into()))
}
