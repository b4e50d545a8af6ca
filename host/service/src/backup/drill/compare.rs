//! Sets what came out of a trial against the version: each file against its digest, each event, member and attachment
//! in the scratch store against what the version says of it.

mod belongings;

use std::collections::HashSet;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use warbler_domain::{Attachment, BackupError, BackupRepository, Body, Event, EventKind, Role, Sequence};

use super::super::Inner;
use super::super::collect::{Tally, ours};
use super::super::expiry;
use super::super::layout::{IndexLine, Manifest, Part};
use super::super::read::{self, Index, Records, from_stream, parsed};
use super::super::restore::Restore;
use super::DrillReport;
use crate::authentication::hex;
use crate::members::Account;
use crate::records;

/// Sentences about what is wrong, at most.
const PROBLEMS: usize = 100;

/// Longest part of a conversation, in bytes: a full one and an event more.
const PART: u64 = 32 * 1024 * 1024;

/// What is compared: a restore into `scratch`, and what it was made from.
pub(super) struct Comparison<'a> {
    pub(super) scratch: &'a Inner,
    pub(super) restore: &'a Restore,
    pub(super) report: DrillReport,
    tally: Tally,
    /// Files whose bytes were looked at.
    seen: HashSet<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(scratch: &'a Inner, restore: &'a Restore) -> Self {
        let report = DrillReport { version: restore.version.clone(), ..DrillReport::default() };
        Self { scratch, restore, report, tally: Tally::default(), seen: HashSet::new() }
    }

    const fn repository(&self) -> &Arc<dyn BackupRepository> {
        &self.restore.repository
    }

    fn problem(&mut self, text: String) {
        if self.report.problems.len() < PROBLEMS {
            self.report.problems.push(text);
        }
    }

    /// Compares all of it, in the order of the paths.
    pub(super) async fn all(&mut self, manifest: &Manifest) -> Result<(), BackupError> {
        for folder in ["attachments", "audit"] {
            self.hash_folder(folder).await?;
        }
        let mut index = Index::open(self.repository(), &self.restore.version).await?;
        while let Some(line) = index.next().await? {
            self.conversation(&line).await?;
        }
        self.hash_folder("index").await?;
        self.members().await?;
        self.belongings().await?;
        let (files, bytes, sha256) = self.tally.sum();
        (self.report.files, self.report.bytes) = (files, bytes);
        for (what, found, said) in [
            ("conversations", self.report.conversations, manifest.conversations),
            ("events", self.report.events, manifest.events),
            ("files", files, manifest.files),
            ("bytes", bytes, manifest.bytes),
        ] {
            if found != said {
                self.problem(format!("the manifest says {said} {what}, and there are {found}"));
            }
        }
        if sha256 != manifest.sha256 {
            self.problem("the digest of all files is not that of the manifest".to_owned());
        }
        Ok(())
    }

    async fn conversation(&mut self, line: &IndexLine) -> Result<(), BackupError> {
        let id = line.conversation.id;
        self.report.conversations += 1;
        let room = self.scratch.core.room(&self.restore.scope, id).await.map_err(ours)?;
        if room.is_none_or(|room| room.conversation.members != line.conversation.members) {
            self.problem(format!("conversation {id} came back with other members"));
        }
        let mut next = 1;
        for part in &line.parts {
            next = self.part(line, part, next).await?;
        }
        if next != line.head.0 + 1 {
            self.problem(format!("conversation {id} ends at {} of {}", next - 1, line.head));
        }
        Ok(())
    }

    /// Compares a part, whose first place should be `next`; the place after its last one.
    async fn part(&mut self, line: &IndexLine, part: &Part, mut next: u64) -> Result<u64, BackupError> {
        let (id, path) = (line.conversation.id, part.path(line.conversation.id));
        let bytes = self.read(&path).await?;
        let sha256 = hex(&Sha256::digest(&bytes).into());
        self.tally.file(&path, bytes.len() as u64, &sha256);
        if sha256 != part.sha256 {
            self.problem(format!("{path} is not what the index says"));
        }
        let before = Sequence(part.first.0.saturating_sub(1));
        let mut standing = Vec::new();
        let mut after = before;
        while after < part.last {
            let count = usize::try_from(part.last.0 - after.0).unwrap_or(512).min(512);
            let events = self.restore_log(id, after, count).await?;
            let Some(last) = events.last() else { break };
            after = last.sequence;
            standing.extend(events);
        }
        let mut standing = standing.into_iter().peekable();
        for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            let damaged = |_| BackupError::Damaged { text: format!("{path} has a line that cannot be read") };
            let event: Event = serde_json::from_slice(text).map_err(damaged)?;
            if event.sequence.0 != next {
                self.problem(format!("conversation {id} lacks the place {next}"));
            }
            next = event.sequence.0 + 1;
            self.report.events += 1;
            let found = standing.next_if(|found| found.sequence == event.sequence);
            self.event(&event, found.as_deref()).await?;
        }
        Ok(next)
    }

    async fn restore_log(
        &self,
        id: warbler_domain::ConversationId,
        after: Sequence,
        count: usize,
    ) -> Result<Vec<Arc<Event>>, BackupError> {
        Ok(self.scratch.core.ports.log.read_after(&self.restore.scope, id, after, count).await?)
    }

    /// Compares an event with what came back of it.
    async fn event(&mut self, event: &Event, found: Option<&Event>) -> Result<(), BackupError> {
        let (id, place) = (event.conversation, event.sequence);
        let Some(found) = found else {
            self.problem(format!("place {place} of conversation {id} did not come back"));
            return Ok(());
        };
        let mut found = found.clone();
        if let (EventKind::Posted { message }, EventKind::Posted { message: back }) = (&event.kind, &mut found.kind) {
            if message.body.is_some() && back.body.is_none() {
                let stays_away = self.restore.is_erased(message.id).await?
                    || expiry::is_past(event, self.restore.erased_before)
                    || !self.restore.policy.may_return(message.sent_at, self.restore.now);
                if !stays_away {
                    self.problem(format!("the message {} came back without its content", message.id));
                }
                return Ok(());
            }
            self.report.messages += u64::from(message.body.is_some());
            // Such a mark is all that tells a restored message from one that was never lost.
            back.restored_at = message.restored_at;
            if let Some(Body::File { attachment }) = &message.body {
                self.attachment(attachment).await?;
            }
        }
        if let EventKind::Edited { message, .. } = &event.kind
            && (self.restore.is_erased(*message).await? || expiry::is_past(event, self.restore.erased_before))
        {
            return Ok(());
        }
        if *event != found {
            self.problem(format!("place {place} of conversation {id} came back changed"));
        }
        Ok(())
    }

    /// Compares the bytes of a file that came back with its digest.
    async fn attachment(&mut self, attachment: &Attachment) -> Result<(), BackupError> {
        if !self.seen.insert(attachment.sha256.clone()) {
            return Ok(());
        }
        let (state, blobs) = (&*self.scratch.core.ports.state, &self.scratch.core.ports.blobs);
        let key = records::attachment(attachment.id);
        let kept = records::get::<crate::attachments::AttachmentRecord>(state, &self.restore.scope, &key, "attachment");
        let digest = kept.await.map_err(ours)?.map(|(record, _)| record.digest);
        let stream = match digest {
            Some(digest) => blobs.get(&self.restore.scope, &digest).await?,
            None => None,
        };
        let Some(mut stream) = stream else {
            self.problem(format!("the file {} did not come back", attachment.id));
            return Ok(());
        };
        let mut hash = Sha256::new();
        while let Some(bytes) = stream.try_next().await? {
            hash.update(&bytes);
        }
        if hex(&hash.finalize().into()) == attachment.sha256 {
            self.report.attachments += 1;
        } else {
            self.problem(format!("the file {} came back with other bytes", attachment.id));
        }
        Ok(())
    }

    /// Compares the accounts that came back.
    async fn members(&mut self) -> Result<(), BackupError> {
        let mut lines = Records::open(self.repository(), &self.restore.version, "account").await?;
        while let Some(line) = lines.next().await? {
            let mut said: Account = parsed(line)?;
            let user = said.profile.id;
            self.report.members += 1;
            if said.profile.role == Role::Owner {
                said.profile.role = Role::Admin;
            }
            let state = &*self.scratch.core.ports.state;
            let found = records::get::<Account>(state, &self.restore.scope, &records::account(user), "account").await;
            if found.map_err(ours)?.is_none_or(|(found, _)| found.profile != said.profile) {
                self.problem(format!("the account {user} did not come back as it was"));
            }
        }
        Ok(())
    }

    async fn read(&self, path: &str) -> Result<bytes::Bytes, BackupError> {
        let found = self.repository().read(&self.restore.version, path).await?;
        let missing = || BackupError::Damaged { text: format!("{path} is missing") };
        read::whole(found.ok_or_else(missing)?, PART).await
    }

    async fn hash_folder(&mut self, folder: &str) -> Result<(), BackupError> {
        let mut names = self.repository().list(&self.restore.version, folder).await?.unwrap_or_default();
        names.sort_by(|left, right| left.name.cmp(&right.name));
        for file in names {
            let path = format!("{folder}/{}", file.name);
            if file.is_folder {
                Box::pin(self.hash_folder(&path)).await?;
            } else {
                self.hash_file(&path).await?;
            }
        }
        Ok(())
    }

    async fn hash_file(&mut self, path: &str) -> Result<(), BackupError> {
        let missing = || BackupError::Damaged { text: format!("{path} is missing") };
        let mut stream = self.repository().read(&self.restore.version, path).await?.ok_or_else(missing)?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        while let Some(bytes) = stream.try_next().await.map_err(from_stream)? {
            hash.update(&bytes);
            length += bytes.len() as u64;
        }
        self.tally.file(path, length, &hex(&hash.finalize().into()));
        Ok(())
    }
}
