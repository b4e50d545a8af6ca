//! What members do with their own: see versions, look into them, search them, and bring back what is missing. What
//! they may see is what they may see now.

use std::sync::Arc;

use warbler_domain::{
    BackupError, BackupRepository, ConversationId, Event, EventKind, Right, Sequence, Timestamp, UserId,
};
use zeroize::Zeroizing;

use super::Backups;
use super::admin::entry;
use super::layout::IndexLine;
use super::policy::BackupPolicy;
use super::read::{self, Erased, Events, Index};
use super::restore::{Reach, Restore, Restored, refused};
use super::{collect::ours, expiry, ledger};
use crate::messages::may_see;
use crate::{Caller, ServiceError, Shown, records};

/// Most entries of one page.
const PAGE: usize = 200;

/// A version, as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotView {
    /// Its identifier.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
}

/// A conversation in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Which.
    pub conversation: ConversationId,
    /// What it was called.
    pub title: String,
    /// The last place taken in it.
    pub head: Sequence,
}

/// Which places of a conversation to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreviewQuery {
    /// Those after this place.
    pub after: Sequence,
    /// At most so many, 1 to 200; 0 stands for 50.
    pub limit: usize,
    /// Only messages whose text has this in it, whatever its case.
    pub search: Option<String>,
}

/// A page of a conversation as it was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preview {
    /// The places, in order.
    pub entries: Vec<Shown>,
    /// After which place to go on; nothing at the end.
    pub next: Option<Sequence>,
}

impl Backups {
    /// The versions that there are, newest first. With a conversation that the caller is in: those that have it.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the repository cannot be read.
    pub async fn versions(
        &self,
        caller: &Caller,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<SnapshotView>, ServiceError> {
        caller.live()?;
        let repository = match self.inner.open(caller.scope()).await {
            Err(BackupError::NoRepository | BackupError::NoSink) => return Ok(Vec::new()),
            opened => opened.map_err(refused)?,
        };
        let mut versions = repository.versions().await.map_err(refused)?;
        versions.reverse();
        if let Some(id) = conversation {
            let room = self.inner.core.room_of(caller.scope(), caller.user(), id).await?;
            // What was made before it began cannot have it, and a later one has it.
            versions.retain(|version| version.at >= room.conversation.created_at);
        }
        Ok(versions.into_iter().map(|version| SnapshotView { id: version.id, at: version.at }).collect())
    }

    /// The conversations of a version that the caller is in now.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the repository cannot be read.
    pub async fn conversations(&self, caller: &Caller, version: &str) -> Result<Vec<BackedUp>, ServiceError> {
        caller.live()?;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        let mut index = Index::open(&repository, version).await.map_err(refused)?;
        let mut found = Vec::new();
        while let Some(line) = index.next().await.map_err(refused)? {
            let room = self.inner.core.room(caller.scope(), line.conversation.id).await?;
            if room.is_some_and(|room| room.has(caller.user())) {
                let (conversation, title) = (line.conversation.id, line.conversation.title);
                found.push(BackedUp { conversation, title, head: line.head });
            }
        }
        Ok(found)
    }

    /// A conversation as it was.
    ///
    /// # Errors
    /// `NotFound` unless the caller is in it now and the version has it, `SessionEnded`, or the repository cannot be
    /// read.
    pub async fn preview(
        &self,
        caller: &Caller,
        version: &str,
        id: ConversationId,
        query: &PreviewQuery,
    ) -> Result<Preview, ServiceError> {
        caller.live()?;
        self.inner.core.room_of(caller.scope(), caller.user(), id).await?;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        let line = self.line(&repository, version, id).await?;
        let erased = self.inner.erased.all(caller.tenant(), &repository).await.map_err(refused)?;
        let before = expiry::erased_before(&self.inner.core, caller.scope()).await?.max(erased.before());
        let limit = if query.limit == 0 { 50 } else { query.limit.min(PAGE) };
        let needle = query.search.as_deref().map(str::to_lowercase);
        let mut page = Preview::default();
        for part in line.parts.iter().filter(|part| part.last > query.after) {
            let mut events = Events::open(&*repository, version, id, part).await.map_err(refused)?;
            while let Some(mut event) = events.next().await.map_err(refused)? {
                if event.sequence <= query.after {
                    continue;
                }
                if page.entries.len() == limit {
                    page.next = page.entries.last().map(Shown::sequence);
                    return Ok(page);
                }
                self.hide_erased(caller, &mut event, &erased, before).await?;
                if needle.as_deref().is_none_or(|needle| has_text(&event, needle) && may_see(&event, caller.user())) {
                    page.entries.push(shown(event, caller.user()));
                }
            }
        }
        Ok(page)
    }

    /// Takes the content out of what was erased since.
    async fn hide_erased(
        &self,
        caller: &Caller,
        event: &mut Event,
        erased: &Erased,
        before: Option<Timestamp>,
    ) -> Result<(), ServiceError> {
        let id = match &event.kind {
            EventKind::Posted { message } => message.id,
            EventKind::Edited { message, .. } => *message,
            _ => return Ok(()),
        };
        let state = &*self.inner.core.ports.state;
        if erased.contains(&id)
            || expiry::is_past(event, before)
            || state.get(caller.scope(), &records::erased(id)).await?.is_some()
        {
            match &mut event.kind {
                EventKind::Posted { message } => message.body = None,
                // A recalled message's edits are taken places.
                _ => event.audience = warbler_domain::Audience::Only(UserId::from_uuid(uuid::Uuid::nil())),
            }
        }
        Ok(())
    }

    /// Brings back what is missing of a conversation that the caller is in, as far as they may see it. With
    /// `own_only`, what they wrote themself.
    ///
    /// # Errors
    /// `Forbidden` if the password is wrong, `NotFound`, `SessionEnded`, or the restore failed. What came back until
    /// then stays, and the next one goes on.
    pub async fn restore(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        version: &str,
        id: ConversationId,
        own_only: bool,
    ) -> Result<Restored, ServiceError> {
        caller.live()?;
        self.inner.core.room_of(caller.scope(), caller.user(), id).await?;
        self.authentication().confirm(caller, password).await?;
        let reach = if own_only { Reach::WrittenBy(caller.user()) } else { Reach::SeenBy(caller.user()) };
        let restore = self.inner.restore(caller.scope(), version, reach).await.map_err(refused)?;
        let line = self.line(&restore.repository, version, id).await?;
        self.restore_line(caller, &restore, &line).await
    }

    /// Brings back what is missing of any conversation of the tenant, or what one member wrote in all of them. A
    /// conversation that is named and not there at all is made, with those of its members whose accounts are there.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `NotFound`, `SessionEnded`, or the restore failed.
    pub async fn restore_for(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        version: &str,
        conversation: Option<ConversationId>,
        member: Option<UserId>,
    ) -> Result<Restored, ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let reach = member.map_or(Reach::All, Reach::WrittenBy);
        let restore = self.inner.restore(caller.scope(), version, reach).await.map_err(refused)?;
        if let Some(id) = conversation {
            let line = self.line(&restore.repository, version, id).await?;
            if self.inner.room(caller.scope(), &line.conversation).await.map_err(refused)? {
                let told = entry(caller, "backup.restore.conversation").subject("conversation", &id);
                self.inner.core.audit.record(caller.scope(), told.subject("version", &version)).await?;
            }
            return self.restore_line(caller, &restore, &line).await;
        }
        let mut index = Index::open(&restore.repository, version).await.map_err(refused)?;
        let mut done = Restored::default();
        while let Some(line) = index.next().await.map_err(refused)? {
            // A conversation that is not there at all comes back with the whole tenant.
            if self.inner.core.room(caller.scope(), line.conversation.id).await?.is_some() {
                done.add(self.restore_line(caller, &restore, &line).await?);
            }
        }
        Ok(done)
    }

    async fn restore_line(
        &self,
        caller: &Caller,
        restore: &Restore,
        line: &IndexLine,
    ) -> Result<Restored, ServiceError> {
        let id = line.conversation.id;
        let done = restore.conversation(line).await.map_err(refused)?;
        if done.messages == 0 {
            return Ok(done);
        }
        let told = entry(caller, "backup.restore")
            .subject("conversation", &id)
            .subject("version", &restore.version)
            .detail("messages", done.messages)
            .detail("files", done.files);
        self.inner.core.audit.record(caller.scope(), told).await?;
        self.inner.announce(caller.scope(), id, caller.user(), done.messages).await?;
        Ok(done)
    }

    async fn line(
        &self,
        repository: &Arc<dyn BackupRepository>,
        version: &str,
        id: ConversationId,
    ) -> Result<IndexLine, ServiceError> {
        let line = Index::find(repository, version, id).await.map_err(refused)?;
        line.ok_or(ServiceError::NotFound { what: "conversation" })
    }
}

impl super::Inner {
    /// Gets a restore ready.
    pub(super) async fn restore(
        &self,
        scope: &warbler_domain::TenantScope,
        version: &str,
        reach: Reach,
    ) -> Result<Restore, BackupError> {
        let repository = self.open(scope).await?;
        // A version of another format is refused before anything is touched.
        read::manifest(&*repository, version).await?;
        let erased = self.erased.all(scope.tenant(), &repository).await?;
        let policy: BackupPolicy = ledger::policy(&*self.core.ports.state, scope).await.map_err(ours)?;
        let erased_before = expiry::erased_before(&self.core, scope).await.map_err(ours)?.max(erased.before());
        let (core, version, now) = (Arc::clone(&self.core), version.to_owned(), self.core.now());
        let progress = Arc::default();
        Ok(Restore { core, scope: *scope, repository, version, reach, policy, erased, erased_before, now, progress })
    }

    /// Tells everybody in the conversation, in its log, that messages came back.
    pub(super) async fn announce(
        &self,
        scope: &warbler_domain::TenantScope,
        id: ConversationId,
        actor: UserId,
        messages: u64,
    ) -> Result<(), ServiceError> {
        let event = Event {
            conversation: id,
            sequence: Sequence::default(),
            at: self.core.now(),
            actor,
            audience: warbler_domain::Audience::Members,
            kind: EventKind::Restored { messages },
        };
        self.core.ports.log.append(scope, warbler_domain::Append::event(event)).await?;
        Ok(())
    }
}

fn has_text(event: &Event, needle: &str) -> bool {
    let EventKind::Posted { message } = &event.kind else { return false };
    message.body.as_ref().and_then(|body| body.text()).is_some_and(|text| text.to_lowercase().contains(needle))
}

fn shown(event: Event, viewer: UserId) -> Shown {
    if may_see(&event, viewer) {
        Shown::Event(Arc::new(event))
    } else {
        Shown::Taken { conversation: event.conversation, sequence: event.sequence }
    }
}
