//! Collects a tenant's data for a version, straight from the store, file by file in the order of their paths.
//!
//! All of it is as of one position of the tenant's log, which is taken first, while messages go on: of each
//! conversation only what had its place by then. What changed in place meanwhile (an edit, a recall) may already show;
//! the next run makes it anew. In memory are some parts, the digests of files and the conversations that changed.

mod conversations;
mod files;
mod records;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warbler_domain::{BackupContent, BackupEntry, BackupError, BackupSource, Position, TenantScope, Timestamp};

use self::conversations::Walk;
use self::files::{attachment, attachments, audit, package, source};
use self::records::RecordsWalk;
use super::expiry;
use super::layout::{AUDIT, FORMAT, MANIFEST, Manifest};
use crate::agents::{KeptSource, kept_sources};
use crate::authentication::hex;
use crate::core::Core;
use crate::installation::{KeptPackage, kept_packages};
use crate::{ServiceError, Tenant};

/// What is shared by all steps.
pub(super) struct Ground {
    pub(super) core: Arc<Core>,
    pub(super) scope: TenantScope,
    pub(super) now: Timestamp,
    /// The consistent point.
    pub(super) position: Position,
    /// Up to where the version before went.
    pub(super) since: Position,
}

/// Collects a tenant's data.
pub(super) struct Collector {
    ground: Ground,
    tenant: Tenant,
    erased_before: Option<Timestamp>,
    step: Step,
    ready: VecDeque<BackupEntry>,
    tally: Tally,
}

/// Where the collecting stands, in the order of paths.
enum Step {
    Attachments(std::vec::IntoIter<([u8; 32], u64)>),
    Audit { after: u64 },
    Conversations(Box<Walk>),
    Index(Box<Walk>),
    Manifest,
    Packages(std::vec::IntoIter<KeptPackage>),
    Records(std::vec::IntoIter<KeptSource>, Box<RecordsWalk>),
    Sources(std::vec::IntoIter<KeptSource>),
    Done,
}

/// What the manifest counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) conversations: u64,
    pub(super) events: u64,
    files: u64,
    bytes: u64,
    digest: Sha256,
}

impl Tally {
    pub(super) fn file(&mut self, path: &str, bytes: u64, sha256: &str) {
        self.files += 1;
        self.bytes += bytes;
        for piece in [path.as_bytes(), &[0], sha256.as_bytes(), b"\n"] {
            self.digest.update(piece);
        }
    }

    /// Files, bytes, and the digest over them all.
    pub(super) fn sum(&self) -> (u64, u64, String) {
        (self.files, self.bytes, hex(&self.digest.clone().finalize().into()))
    }
}

impl Collector {
    /// Takes the consistent point; what changed after `since` is made anew.
    pub(super) async fn begin(core: Arc<Core>, tenant: Tenant, since: Position) -> Result<Self, ServiceError> {
        let scope = TenantScope::own_work(tenant.id);
        let position = core.ports.log.tenant_head(&scope).await?;
        let now = core.now();
        let ground = Ground { core, scope, now, position, since };
        let erased_before = expiry::erased_before(&ground.core, &scope).await?;
        let attachments = attachments(&ground).await?;
        let step = Step::Attachments(attachments.into_iter());
        Ok(Self { ground, tenant, erased_before, step, ready: VecDeque::new(), tally: Tally::default() })
    }

    /// The consistent point.
    pub(super) const fn position(&self) -> Position {
        self.ground.position
    }

    /// Makes some more files ready, or goes on to the next step.
    async fn advance(&mut self) -> Result<(), BackupError> {
        let next = match &mut self.step {
            Step::Attachments(digests) => match digests.next() {
                Some((digest, size)) => {
                    self.ready.push_back(attachment(&self.ground, &mut self.tally, digest, size));
                    None
                }
                None => Some(Step::Audit { after: 0 }),
            },
            Step::Audit { after } => match audit(&self.ground, &mut self.tally, *after).await? {
                Some(entry) => {
                    *after += AUDIT;
                    self.ready.push_back(entry);
                    None
                }
                None => Some(Step::Conversations(Box::new(Walk::changes(&self.ground).await.map_err(ours)?))),
            },
            Step::Conversations(walk) => {
                let done = walk.advance(&self.ground, &mut self.tally, &mut self.ready).await?;
                done.then(|| Step::Index(Box::new(Walk::index())))
            }
            Step::Index(walk) => {
                let done = walk.index_some(&self.ground, &mut self.tally, &mut self.ready).await?;
                done.then(|| Step::Manifest)
            }
            // What comes after it by its name is not counted in it.
            Step::Manifest => {
                let entry = self.manifest()?;
                self.ready.push_back(entry);
                let (state, blobs) = (&*self.ground.core.ports.state, &*self.ground.core.ports.blobs);
                let found = kept_packages(state, blobs, &self.ground.scope).await.map_err(ours)?;
                Some(Step::Packages(found.into_iter()))
            }
            Step::Packages(packages) => {
                if let Some(kept) = packages.next() {
                    self.ready.push_back(package(&self.ground, kept));
                    None
                } else {
                    // Before their records, so that none of these is without a digest.
                    let (state, blobs) = (&*self.ground.core.ports.state, &*self.ground.core.ports.blobs);
                    let sources = kept_sources(state, blobs, &self.ground.scope).await.map_err(ours)?;
                    Some(Step::Records(sources.into_iter(), Box::default()))
                }
            }
            Step::Records(sources, walk) => {
                let done = walk.advance(&self.ground, &mut self.ready).await?;
                done.then(|| Step::Sources(std::mem::take(sources)))
            }
            Step::Sources(sources) => match sources.next() {
                Some(kept) => {
                    self.ready.extend(source(&self.ground, kept).await?);
                    None
                }
                None => Some(Step::Done),
            },
            Step::Done => None,
        };
        if let Some(next) = next {
            self.step = next;
        }
        Ok(())
    }

    fn manifest(&self) -> Result<BackupEntry, BackupError> {
        let (files, bytes, sha256) = self.tally.sum();
        let manifest = Manifest {
            format: FORMAT,
            tenant: self.tenant.id,
            slug: self.tenant.slug.clone(),
            name: self.tenant.name.clone(),
            policy: self.tenant.policy.clone(),
            position: self.ground.position,
            erased_before: self.erased_before,
            conversations: self.tally.conversations,
            events: self.tally.events,
            files,
            bytes,
            sha256,
        };
        let mut json = serde_json::to_vec_pretty(&manifest)
            .map_err(|_| BackupError::Internal { text: "writing the manifest".to_owned() })?;
        json.push(b'\n');
        Ok(whole(MANIFEST.to_owned(), json, self.ground.now))
    }
}

#[async_trait]
impl BackupSource for Collector {
    async fn next(&mut self) -> Result<Option<BackupEntry>, BackupError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            if matches!(self.step, Step::Done) {
                return Ok(None);
            }
            self.advance().await?;
        }
    }
}

/// A file whose bytes are at hand.
pub(super) fn whole(path: String, bytes: Vec<u8>, modified: Timestamp) -> BackupEntry {
    BackupEntry { path, size: bytes.len() as u64, modified, content: BackupContent::Bytes(Bytes::from(bytes)) }
}

/// What an error of the service is to a repository.
pub(super) fn ours(error: ServiceError) -> BackupError {
    match error {
        ServiceError::Store(error) => error.into(),
        other => BackupError::Internal { text: other.to_string() },
    }
}
