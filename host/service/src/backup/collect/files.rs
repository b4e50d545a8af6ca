//! Files of a version that are no records: what was sent, the audit log, packages, and documents of the knowledge base.

use std::sync::Arc;

use futures::FutureExt as _;
use warbler_domain::{BackupContent, BackupEntry, BackupError, StoreError, Timestamp};

use super::super::layout::{AUDIT, attachment_path, package_path, source_path};
use super::super::render::described;
use super::{Ground, Tally, whole};
use crate::agents::KeptSource;
use crate::attachments::AttachmentRecord;
use crate::authentication::hex;
use crate::installation::KeptPackage;
use crate::{ServiceError, records as kept};

/// The digests of all files, each once and in order, with their lengths.
pub(super) async fn attachments(ground: &Ground) -> Result<Vec<([u8; 32], u64)>, ServiceError> {
    let (state, prefix) = (&*ground.core.ports.state, kept::under("attachment", &[]));
    let mut found: Vec<([u8; 32], u64)> = Vec::new();
    let mut after = None;
    loop {
        let page = state.scan(&ground.scope, &prefix, after.as_ref(), kept::SCAN).await?;
        for (_, value) in &page {
            let record: AttachmentRecord = kept::decode(value, "attachment")?;
            found.push((record.digest, record.attachment.size));
        }
        after = match page.last() {
            Some((key, _)) if page.len() == kept::SCAN => Some(key.clone()),
            _ => break,
        };
    }
    found.sort_unstable();
    found.dedup_by_key(|(digest, _)| *digest);
    Ok(found)
}

pub(super) fn attachment(ground: &Ground, tally: &mut Tally, digest: [u8; 32], size: u64) -> BackupEntry {
    let sha256 = hex(&digest);
    let path = attachment_path(&sha256);
    tally.file(&path, size, &sha256);
    let (blobs, scope) = (Arc::clone(&ground.core.ports.blobs), ground.scope);
    let open = move || {
        async move {
            let found = blobs.get(&scope, &digest).await?;
            found.ok_or_else(|| BackupError::from(StoreError::Missing { what: "file that a record names" }))
        }
        .boxed()
    };
    // What lies under a digest never changes.
    BackupEntry { path, size, modified: Timestamp::from_millis(0), content: BackupContent::Open(Box::new(open)) }
}

pub(super) fn package(ground: &Ground, kept: KeptPackage) -> BackupEntry {
    let (path, size) = (package_path(&kept.sha256), kept.size);
    let (blobs, scope) = (Arc::clone(&ground.core.ports.blobs), ground.scope);
    let open = move || async move { Ok(kept.open(&*blobs, &scope).await?) }.boxed();
    // What lies under a digest never changes.
    BackupEntry { path, size, modified: Timestamp::from_millis(0), content: BackupContent::Open(Box::new(open)) }
}

/// The file of a document, unless it was removed by now.
pub(super) async fn source(ground: &Ground, kept: KeptSource) -> Result<Option<BackupEntry>, BackupError> {
    let (blobs, scope) = (Arc::clone(&ground.core.ports.blobs), ground.scope);
    if kept.open(&*blobs, &scope).await?.is_none() {
        return Ok(None);
    }
    let (path, size) = (source_path(&kept.sha256), kept.size);
    let open = move || {
        async move {
            let found = kept.open(&*blobs, &scope).await?;
            found.ok_or_else(|| BackupError::from(StoreError::Missing { what: "document that a record names" }))
        }
        .boxed()
    };
    // What lies under a digest never changes.
    let content = BackupContent::Open(Box::new(open));
    Ok(Some(BackupEntry { path, size, modified: Timestamp::from_millis(0), content }))
}

/// The file of the entries behind number `after`.
pub(super) async fn audit(ground: &Ground, tally: &mut Tally, after: u64) -> Result<Option<BackupEntry>, BackupError> {
    let mut lines = Vec::new();
    let mut last = after;
    while last < after + AUDIT {
        let entries = ground.core.audit.range(&ground.scope, last, 200).await?;
        let Some(end) = entries.last().map(|entry| entry.number) else { break };
        for entry in entries.iter().filter(|entry| entry.number <= after + AUDIT) {
            serde_json::to_writer(&mut lines, entry)
                .map_err(|_| BackupError::Internal { text: "writing an audit entry".to_owned() })?;
            lines.push(b'\n');
        }
        last = end;
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let path = format!("audit/{:020}.jsonl", after + 1);
    tally.file(&path, lines.len() as u64, &described(&[&lines], ground.now).sha256);
    // A full file never changes again.
    let modified = if last >= after + AUDIT { Timestamp::from_millis(0) } else { ground.now };
    Ok(Some(whole(path, lines, modified)))
}
