//! Backups and restores over a store in memory and a sink in memory, in the real format.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use warbler_domain::{
    BackupSink, BlobEntry, ConversationId, EventKind, HookError, InstallationId, Refusal, Role, Signal, TenantId,
    TenantScope,
};
use zeroize::Zeroizing;

use super::target::{RunningSink, TenantPlugins};
use super::{BackupPolicy, Backups, PreviewQuery, RestoreState};
use crate::world::{Office, PASSWORD, World, code, committed, posted, send, text};
use crate::{Caller, Edit, NewAttachment, NewBody, Send, Shown};

mod belongings;
mod keys;
mod mirrors;
mod tidy;
mod whole;

/// A sink in memory that may be away.
#[derive(Default)]
struct Shelf {
    blobs: Mutex<BTreeMap<String, Bytes>>,
    /// How many bytes fit, if not any number.
    room: Mutex<Option<usize>>,
    is_away: AtomicBool,
}

impl Shelf {
    fn here(&self) -> Result<(), HookError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(HookError::Refused(Refusal::Misconfigured { text: "the shelf is away".into() }));
        }
        Ok(())
    }
}

#[async_trait]
impl BackupSink for Shelf {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        self.here()?;
        let mut blobs = self.blobs.lock();
        let others: usize = blobs.iter().filter(|(other, _)| *other != name).map(|(_, blob)| blob.len()).sum();
        if self.room.lock().is_some_and(|room| others + bytes.len() > room) {
            return Err(HookError::Refused(Refusal::Misconfigured { text: "the shelf is full".into() }));
        }
        blobs.insert(name.into(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        self.here()?;
        let Some(blob) = self.blobs.lock().get(name).cloned() else { return Ok(None) };
        let from = usize::try_from(offset).unwrap().min(blob.len());
        Ok(Some(blob.slice(from..from.saturating_add(usize::try_from(length).unwrap()).min(blob.len()))))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        self.here()?;
        let blobs = self.blobs.lock();
        let found = blobs.iter().filter(|(name, _)| name.starts_with(prefix));
        let found = found.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after)).take(1_000);
        Ok(found.map(|(name, blob)| BlobEntry { name: name.clone(), size: blob.len() as u64 }).collect())
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        self.here()?;
        self.blobs.lock().remove(name);
        Ok(())
    }
}

/// The sinks of a tenant that run.
#[derive(Clone, Default)]
struct Shelves(Arc<Mutex<Vec<RunningSink>>>);

impl Shelves {
    /// Puts a sink up; what its installation is.
    fn add(&self, sink: &Arc<Shelf>) -> InstallationId {
        let mut running = self.0.lock();
        let installation = InstallationId::from_uuid(uuid::Uuid::from_u128(running.len() as u128 + 1));
        running.push(RunningSink { installation, plugin: "shelf".into(), sink: Arc::clone(sink) as _ });
        installation
    }
}

#[async_trait]
impl TenantPlugins for Shelves {
    fn running_sinks(&self, _tenant: TenantId) -> Vec<RunningSink> {
        self.0.lock().clone()
    }

    async fn take_up(&self, _scope: &TenantScope, _installation: InstallationId, _active: bool) -> Option<String> {
        None
    }
}

fn backups(world: &World, shelf: &Arc<Shelf>) -> Backups {
    let shelves = Shelves::default();
    shelves.add(shelf);
    over(world, &shelves)
}

fn over(world: &World, shelves: &Shelves) -> Backups {
    let (core, lists) = (Arc::clone(world.service.core()), world.service.word_lists().clone());
    Backups::new(core, lists, Arc::new(shelves.clone()))
}

fn password() -> Zeroizing<String> {
    Zeroizing::new(PASSWORD.to_owned())
}

/// A conversation of two with some messages, of which the second was edited.
async fn chat(office: &Office<'_>, ada: &Caller, ben: &Caller) -> ConversationId {
    let group = office.group(ada, &[ben]).await.id;
    for number in 0..5 {
        office.post(if number % 2 == 0 { ada } else { ben }, group, &format!("message {number}")).await;
    }
    group
}

/// A tenant with two sinks that run, and what it said so far.
struct TwoShelves {
    one: (InstallationId, Arc<Shelf>),
    other: (InstallationId, Arc<Shelf>),
    shelves: Shelves,
    backups: Backups,
    ada: Caller,
    group: ConversationId,
}

impl TwoShelves {
    async fn new(world: &World, office: &Office<'_>) -> Self {
        let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
        let (one, other, shelves) = (Arc::<Shelf>::default(), Arc::<Shelf>::default(), Shelves::default());
        let (one, other) = ((shelves.add(&one), one), (shelves.add(&other), other));
        let backups = over(world, &shelves);
        let group = chat(office, &ada, &ben).await;
        Self { one, other, shelves, backups, ada, group }
    }
}

async fn clear(office: &Office<'_>, by: &Caller, conversation: ConversationId) -> u64 {
    office.service().conversations().clear(by, conversation, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_conversation_comes_back_to_its_member_but_not_what_was_recalled() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let secret = office.post_id(&ada, group, "to be taken back").await;
    let before = office.texts(&ben, group).await;
    let version = backups.run(&office.owner).await.unwrap().id;

    world.service.messages().recall(&ada, group, secret).await.unwrap();
    assert_eq!(clear(&office, &ada, group).await, 5);
    assert!(office.texts(&ben, group).await.is_empty());

    let listed = backups.versions(&ben, Some(group)).await.unwrap();
    assert_eq!(listed.iter().map(|view| view.id.as_str()).collect::<Vec<_>>(), [version.as_str()]);
    let shown = backups.preview(&ben, &version, group, &PreviewQuery::default()).await.unwrap();
    let texts: Vec<_> = shown.entries.iter().filter_map(crate::world::text_of).collect();
    assert_eq!(texts, before[..5], "the preview shows what was recalled since");

    let restore = async |own| backups.restore(&ben, &password(), &version, group, own).await.unwrap();
    let own = restore(true).await;
    assert_eq!((own.messages, own.withheld), (2, 3), "{own:?}");
    assert_eq!(office.texts(&ada, group).await, ["message 1", "message 3"]);
    let all = restore(false).await;
    assert_eq!((all.messages, all.erased), (3, 1), "{all:?}");
    assert_eq!(office.texts(&ada, group).await, before[..5]);
    let history = office.history(&ada, group).await;
    let places: Vec<_> = history.iter().map(|shown| shown.sequence().0).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
    let Shown::Event(first) = &history[1] else { panic!("{:?}", history[1]) };
    assert!(posted(first).restored_at.is_some() && posted(first).removed_at.is_none());
    let told = history
        .iter()
        .filter(|shown| matches!(shown, Shown::Event(event) if matches!(event.kind, EventKind::Restored { .. })));
    assert_eq!(told.count(), 2);

    let again = restore(false).await;
    assert_eq!((again.messages, again.others), (0, 0), "{again:?}");
    assert_eq!(office.history(&ada, group).await.len(), history.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_needs_the_password_and_present_membership() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let version = backups.run(&office.owner).await.unwrap().id;
    let wrong = Zeroizing::new("not the password".to_owned());
    assert_eq!(code(backups.restore(&ben, &wrong, &version, group, false).await), "forbidden");
    world.service.conversations().leave(&ben, group).await.unwrap();
    assert_eq!(code(backups.restore(&ben, &password(), &version, group, false).await), "not-found");
    assert_eq!(code(backups.preview(&ben, &version, group, &PreviewQuery::default()).await), "not-found");
    assert!(backups.conversations(&ben, &version).await.unwrap().is_empty());
    assert_eq!(backups.conversations(&ada, &version).await.unwrap().len(), 1);
    let other = world.tenant("other").await;
    assert_eq!(code(backups.restore(&other.owner, &password(), &version, group, false).await), "not-found");
    for (caller, expected) in [(&ada, "forbidden"), (&office.owner, "ok")] {
        assert_eq!(code(backups.policy(caller).await), expected);
        assert_eq!(code(backups.restore_for(caller, &password(), &version, None, None).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_brings_back_a_conversation_that_is_not_there_at_all() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let before = office.texts(&ada, group).await;
    let version = backups.run(&office.owner).await.unwrap().id;
    let lost = [crate::records::conversation(group), crate::records::membership(ada.user(), group)];
    let lost = lost.map(|key| crate::records::delete(key, warbler_domain::Expect::Any)).into();
    world.store.state().commit(ada.scope(), lost).await.unwrap();
    backups.inner.core.forget_tenant(office.tenant.id);
    let (ada, ben, owner) = (office.again("ada").await, office.again("ben").await, office.again("owner").await);
    assert_eq!(code(backups.restore(&ada, &password(), &version, group, false).await), "not-found");
    backups.restore_for(&owner, &password(), &version, Some(group), None).await.unwrap();
    assert_eq!(office.texts(&ada, group).await, before);
    assert_eq!(office.texts(&ben, group).await, before);
    assert!(office.actions().await.contains(&"backup.restore.conversation".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_newer_than_the_version_stays_as_it_is() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = office.group(&ada, &[&ben]).await.id;
    let edited = office.post_id(&ada, group, "as it was").await;
    let version = backups.run(&office.owner).await.unwrap().id;
    let edit = Edit { conversation: group, message: edited, key: None, body: text("as it is") };
    committed(world.service.messages().edit(&ada, edit).await.unwrap());
    office.post(&ben, group, "and more").await;
    let before = office.history(&ada, group).await;
    let done = backups.restore(&ada, &password(), &version, group, false).await.unwrap();
    assert_eq!((done.messages, done.present), (0, 1), "{done:?}");
    assert_eq!(office.history(&ada, group).await, before);

    // After a removal, the newest version brings back the edited text and its edit.
    let newer = backups.run(&office.owner).await.unwrap().id;
    clear(&office, &ada, group).await;
    backups.restore(&ben, &password(), &newer, group, false).await.unwrap();
    assert_eq!(office.texts(&ben, group).await, ["as it is", "as it is", "and more"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_version_reads_only_what_changed_and_a_trial_finds_both_whole() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let (still, busy) = (chat(&office, &ada, &ben).await, chat(&office, &ada, &ben).await);
    backups.run(&office.owner).await.unwrap();
    let report = backups.drill(&office.owner).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.conversations, report.events), (2, 12));
    world.clock.advance(Duration::from_hours(24 * 40));
    office.post(&ada, busy, "next month").await;
    let second = backups.run(&office.owner).await.unwrap();
    let files = {
        let repository = backups.inner.open(office.owner.scope()).await.unwrap();
        let list = async |id: ConversationId| repository.list(&second.id, &format!("conversations/{id}")).await;
        (list(still).await.unwrap().unwrap().len(), list(busy).await.unwrap().unwrap().len())
    };
    assert_eq!(files, (1, 2), "a month is a file of its own");
    let report = backups.drill(&office.owner).await.unwrap();
    assert_eq!((report.problems, report.events), (Vec::new(), 13));
    assert!(office.actions().await.contains(&"backup.drill".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_made_while_messages_go_on_is_of_one_moment() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let (one, other) = (chat(&office, &ada, &ben).await, chat(&office, &ada, &ben).await);
    let talk = async {
        for number in 0..300 {
            office.post(&ada, if number % 2 == 0 { one } else { other }, "on and on").await;
        }
    };
    let (made, ()) = tokio::join!(backups.run(&office.owner), talk);
    let version = made.unwrap().id;
    let mut counts = Vec::new();
    for id in [one, other] {
        let query = PreviewQuery { limit: 200, ..PreviewQuery::default() };
        let (mut count, mut after) = (0, Some(warbler_domain::Sequence(0)));
        while let Some(from) = after {
            let query = PreviewQuery { after: from, ..query.clone() };
            let page = backups.preview(&ada, &version, id, &query).await.unwrap();
            count += page.entries.len();
            after = page.next;
        }
        counts.push(count);
    }
    // They took turns, so that at any one moment they are at most one apart.
    assert!(counts[0] == counts[1] || counts[0] == counts[1] + 1, "{counts:?}");
    assert_eq!(backups.drill(&office.owner).await.unwrap().problems, Vec::<String>::new());
    backups.run(&office.owner).await.unwrap();
    let report = backups.drill(&office.owner).await.unwrap();
    assert_eq!((report.problems, report.events), (Vec::new(), 312));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_with_its_message() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = office.group(&ada, &[&ben]).await.id;
    let bytes = futures::stream::iter([Ok(Bytes::from_static(b"the file"))]).boxed();
    let new = NewAttachment { name: "a.txt".into(), media_type: "text/plain".into() };
    let kept = world.service.attachments().put(&ada, new, bytes).await.unwrap();
    let body = NewBody::File { attachment: kept.id };
    committed(world.service.messages().send(&ada, Send { body, ..send(group, "k", "") }).await.unwrap());
    let version = backups.run(&office.owner).await.unwrap().id;
    clear(&office, &ada, group).await;
    assert_eq!(code(world.service.attachments().get(&ben, kept.id).await), "not-found");
    // The bytes are lost as well.
    let digest: [u8; 32] = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(b"the file")).into();
    world.store.blobs().delete(ada.scope(), &digest).await.unwrap();
    let done = backups.restore(&ben, &password(), &version, group, false).await.unwrap();
    assert_eq!((done.messages, done.files), (1, 1));
    let (_, bytes) = world.service.attachments().get(&ben, kept.id).await.unwrap();
    assert_eq!(bytes.try_collect::<Vec<_>>().await.unwrap().concat(), b"the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_tenant_comes_back_into_an_empty_host_without_what_was_erased() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let old = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let secret = office.post_id(&ada, group, "erased later").await;
    let passphrase = || Zeroizing::new("a long enough passphrase".to_owned());
    let first = old.run(&office.owner).await.unwrap().id;
    let escrow = old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();
    assert_eq!(old.escrows(&office.owner).await.unwrap(), [escrow.id]);
    world.service.messages().recall(&ada, group, secret).await.unwrap();
    old.run(&office.owner).await.unwrap();
    let expected = &office.texts(&ada, group).await;

    let fresh = World::new().await;
    let office = fresh.tenant("acme-again").await;
    let new = backups(&fresh, &shelf);
    assert_eq!(code(new.run(&office.owner).await), "repository-exists");
    let wrong = Zeroizing::new("another passphrase".to_owned());
    assert_eq!(code(new.adopt(&office.owner, &password(), wrong).await), "wrong-key");
    new.adopt(&office.owner, &password(), passphrase()).await.unwrap();
    let mut job = new.restore_tenant(&office.owner, &password(), &first).await.unwrap();
    while job.state == RestoreState::Running {
        tokio::task::yield_now().await;
        job = new.restore_job(&office.owner, job.id).await.unwrap();
    }
    assert_eq!((job.state, job.failure), (RestoreState::Done, None));
    assert_eq!((job.accounts, job.conversations, job.restored.messages), (3, 1, 5));
    let ada = office.again("ada").await;
    assert_eq!(&office.texts(&ada, group).await, expected);
    office.post(&ada, group, "life goes on").await;
    // The host that is gone does not come back unnoticed.
    new.run(&office.owner).await.unwrap();
    assert_eq!(code(old.run(&world.tenant_owner("acme").await).await), "foreign-host");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_a_crash_cut_short_goes_on_by_itself() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let groups = [chat(&office, &ada, &ben).await, chat(&office, &ada, &ben).await];
    let before = office.texts(&ada, groups[1]).await;
    let version = backups.run(&office.owner).await.unwrap().id;
    for group in groups {
        clear(&office, &ada, group).await;
    }
    // As the host that was killed left it: the first conversation is half through.
    let (id, began) = (uuid::Uuid::now_v7(), warbler_domain::Timestamp::default());
    let job = super::RestoreJob::new(id, &version, office.owner.user(), began);
    let own = backups.restore(&ada, &password(), &version, groups[0], true).await.unwrap();
    assert_eq!(own.messages, 3);
    let key = warbler_domain::StateKey::new("backup-restore", &[&job.id]);
    let write = crate::records::put(key, &job, warbler_domain::Expect::Absent).unwrap();
    world.store.state().commit(office.owner.scope(), vec![write]).await.unwrap();
    backups.inner.look(office.tenant.id).await.unwrap();
    let mut found = job.clone();
    while found.state == RestoreState::Running {
        tokio::task::yield_now().await;
        found = backups.restore_job(&office.owner, job.id).await.unwrap();
    }
    assert_eq!((found.state, found.restored.messages, found.conversations), (RestoreState::Done, 7, 2));
    for group in groups {
        assert_eq!(office.texts(&ben, group).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_told_to_admins_and_audit_and_the_next_one_succeeds() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    chat(&office, &ada, &ben).await;
    let mut signals = world.store.feed().subscribe();
    *shelf.room.lock() = Some(1_500);
    assert_eq!(code(backups.run(&office.owner).await), "sink-failed");
    let alert = loop {
        if let (_, Signal::Alert { code, text }) = signals.next().await.unwrap() {
            break (code, text);
        }
    };
    assert_eq!(alert.0, "backup-failed");
    assert!(alert.1.contains("the shelf is full"), "{}", alert.1);
    let status = backups.status(&office.owner).await.unwrap();
    assert_eq!(status.failure.unwrap().code, "sink-failed");
    assert!(backups.all_versions(&office.owner).await.unwrap().is_empty());
    assert!(office.actions().await.contains(&"backup.failed".to_owned()));
    *shelf.room.lock() = None;
    backups.run(&office.owner).await.unwrap();
    assert_eq!(backups.status(&office.owner).await.unwrap().failure, None);
    assert_eq!(backups.drill(&office.owner).await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_runs_by_itself_and_what_is_late_is_told_once() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let backups = backups(&world, &shelf);
    let (scope, tenant) = (TenantScope::own_work(office.tenant.id), office.tenant.id);
    let versions = async |count: usize| {
        while backups.all_versions(&office.owner).await.unwrap().len() < count
            || backups.status(&office.owner).await.unwrap().running.is_some()
        {
            tokio::task::yield_now().await;
        }
    };
    backups.inner.look(tenant).await.unwrap();
    versions(1).await;
    backups.inner.look(tenant).await.unwrap();
    // The first trial is due as soon as there is something to try.
    while super::ledger::ledger(&*world.store.state(), &scope).await.unwrap().drilled_at.is_none() {
        tokio::task::yield_now().await;
    }
    // Three days of downtime: one run makes up for them, and it is late.
    world.clock.advance(Duration::from_hours(72));
    office.service().authentication().sweep().await;
    while backups.status(&office.owner).await.unwrap().running.is_some() {
        tokio::task::yield_now().await;
    }
    backups.inner.look(tenant).await.unwrap();
    versions(2).await;
    backups.inner.look(tenant).await.unwrap();
    let actions = office.actions().await;
    let count = |action: &str| actions.iter().filter(|found| *found == action).count();
    assert_eq!((count("backup.run"), count("backup.late")), (2, 1), "{actions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_checked_kept_and_told() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let backups = backups(&world, &shelf);
    let mut policy = backups.policy(&office.owner).await.unwrap();
    assert_eq!(policy, BackupPolicy::default());
    policy.keep.last = 1;
    (policy.keep.daily, policy.keep.weekly, policy.keep.monthly) = (0, 0, 0);
    backups.set_policy(&office.owner, policy.clone()).await.unwrap();
    assert_eq!(backups.policy(&office.owner).await.unwrap(), policy);
    for _ in 0..3 {
        world.clock.advance(Duration::from_hours(1));
        backups.run(&office.owner).await.unwrap();
    }
    assert_eq!(backups.all_versions(&office.owner).await.unwrap().len(), 1);
    assert!(office.actions().await.contains(&"backup.policy".to_owned()));
}
