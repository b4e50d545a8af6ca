//! What a tenant has beside its conversations, brought back into a host that has nothing of it.

use warbler_text::{Entry, Mode};

use super::*;
use crate::RestoreJob;

fn entry(word: &str) -> Entry {
    Entry { word: word.into(), category: "own".into(), mode: Mode::Word }
}

pub(super) fn passphrase() -> Zeroizing<String> {
    Zeroizing::new("a long enough passphrase".to_owned())
}

pub(super) async fn whole(backups: &Backups, by: &Caller, version: &str) -> RestoreJob {
    let mut job = backups.restore_tenant(by, &password(), version).await.unwrap();
    while job.state == RestoreState::Running {
        tokio::task::yield_now().await;
        job = backups.restore_job(by, job.id).await.unwrap();
    }
    assert_eq!((&job.state, &job.failure), (&RestoreState::Done, &None));
    // Whoever sees that it is done can begin the next work.
    assert_eq!(backups.status(by).await.unwrap().running, None);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn word_lists_held_messages_and_the_old_audit_log_come_back_into_an_empty_host() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let old = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let many: Vec<Entry> = (0..1_500).map(|number| entry(&format!("word{number}"))).collect();
    let lists = world.service.word_lists();
    lists.replace(&office.owner, "many", vec![entry("of the first generation")]).await.unwrap();
    lists.replace(&office.owner, "many", many.clone()).await.unwrap();
    lists.replace(&office.owner, "few", vec![entry("few")]).await.unwrap();
    let held = match office.say(&ada, group, "hold this until somebody looks").await.unwrap() {
        crate::Sent::Held { id, .. } => id,
        sent @ crate::Sent::Committed(_) => panic!("{sent:?}"),
    };
    let version = old.run(&office.owner).await.unwrap().id;
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();
    let written = office.actions().await.len();
    let tenant = office.tenant.id;

    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let new = backups(&fresh, &shelf);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    let job = whole(&new, &again.owner, &version).await;
    assert_eq!((job.word_lists, job.held, job.to_do.clone()), (2, 1, Vec::<String>::new()));
    let lists = fresh.service.word_lists();
    assert_eq!(lists.words(&again.owner, "many").await.unwrap(), many);
    assert_eq!(lists.words(&again.owner, "few").await.unwrap(), [entry("few")]);

    // The held message waits again, and its sender's retry finds it.
    let waiting = fresh.service.review().list(&again.owner, None, 9).await.unwrap();
    assert_eq!(waiting.iter().map(|held| held.id).collect::<Vec<_>>(), [held]);
    fresh.service.review().approve(&again.owner, held).await.unwrap();
    let ada = again.again("ada").await;
    assert!(again.texts(&ada, group).await.contains(&"hold this until somebody looks".to_owned()));

    // The old log is a chain of its own, whole up to the version, and none of it is in the new one.
    let (audit, scope) = (fresh.service.audit(), again.owner.scope());
    let archives = audit.archives(scope).await.unwrap();
    assert_eq!((archives.len(), archives[0].tenant, archives[0].broken.clone()), (1, tenant, None));
    assert_eq!(archives[0].entries, job.audit_entries);
    assert!(job.audit_entries > 0 && usize::try_from(job.audit_entries).unwrap() < written);
    let report = audit.verify_archive(scope, tenant).await.unwrap().unwrap();
    assert_eq!((report.intact, report.broken), (job.audit_entries, None));
    let own = audit.verify(scope).await.unwrap();
    assert_eq!(own.broken, None);
    let first = audit.archived(scope, tenant, 0, 1).await.unwrap();
    assert_ne!(audit.get(scope, 1).await.unwrap().unwrap().hash, first[0].hash);

    // Doing it again changes nothing.
    fresh.clock.advance(Duration::from_secs(1));
    let second = whole(&new, &again.owner, &version).await;
    assert_eq!((second.word_lists, second.held, second.accounts, second.restored.messages), (0, 0, 0, 0));
    assert_eq!(audit.archives(scope).await.unwrap()[0].entries, job.audit_entries);
    // What came back is in the next version, the archive too, and a trial of that finds it whole.
    new.run(&again.owner).await.unwrap();
    let report = new.drill(&again.owner).await.unwrap();
    assert_eq!((report.problems, report.word_lists), (Vec::new(), 2));
    assert!(report.members >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_audit_log_that_was_tampered_with_is_found_out() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (audit, scope) = (world.service.audit(), office.owner.scope());
    for number in 0..5 {
        let entry = crate::NewEntry::new(crate::Actor::Host, "test").detail("number", number);
        audit.record(scope, entry).await.unwrap();
    }
    let entries = audit.range(scope, 0, 200).await.unwrap();
    let other = world.tenant("other").await;
    let (into, of) = (other.owner.scope(), scope.tenant());
    let mut forged = entries.clone();
    forged[3].action = "nothing happened".into();
    let archive = audit.archive(into, of, &forged).await.unwrap();
    assert_eq!(archive.entries, 3);
    assert!(archive.broken.unwrap().contains("entry 4"));
    // The true one goes on from where it was.
    let archive = audit.archive(into, of, &entries).await.unwrap();
    assert_eq!((archive.entries, archive.broken), (entries.len() as u64, None));
    assert_eq!(audit.verify_archive(into, of).await.unwrap().unwrap().broken, None);
    // Somebody changes it in the store.
    let key = warbler_domain::StateKey::new("audit-archive", &[&of, &format_args!("{:020}", 2)]);
    let write = crate::records::put(key.clone(), &forged[3], warbler_domain::Expect::Any).unwrap();
    world.store.state().commit(into, vec![write]).await.unwrap();
    assert_eq!(audit.verify_archive(into, of).await.unwrap().unwrap().broken.unwrap().number, 2);
    let write = crate::records::delete(key, warbler_domain::Expect::Any);
    world.store.state().commit(into, vec![write]).await.unwrap();
    assert_eq!(audit.verify_archive(into, of).await.unwrap().unwrap().broken.unwrap().number, 2);
    assert!(audit.verify_archive(scope, of).await.unwrap().is_none(), "it is the other tenant's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_restores_everything_compares_it_and_finds_what_is_wrong() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let bytes = futures::stream::iter([Ok(Bytes::from_static(b"the file"))]).boxed();
    let new = NewAttachment { name: "a.txt".into(), media_type: "text/plain".into() };
    let kept = world.service.attachments().put(&ada, new, bytes).await.unwrap();
    let body = NewBody::File { attachment: kept.id };
    committed(world.service.messages().send(&ada, Send { body, ..send(group, "k", "") }).await.unwrap());
    let recalled = office.post_id(&ada, group, "taken back later").await;
    backups.run(&office.owner).await.unwrap();
    world.service.messages().recall(&ada, group, recalled).await.unwrap();
    clear(&office, &ada, group).await;
    let before = (office.history(&ada, group).await, office.actions().await.len());
    let report = backups.drill(&office.owner).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.conversations, report.messages, report.attachments, report.members), (1, 7, 1, 3));
    // The tenant itself is as it was, but for the entry that tells of it.
    assert_eq!((office.history(&ada, group).await, office.actions().await.len() - 1), before);
    let status = backups.status(&office.owner).await.unwrap();
    assert!(status.drilled_at.is_some() && status.drill_failure.is_none());

    // A pack with other bytes than it had: the trial fails, and everybody concerned is told.
    let packs: Vec<String> = shelf.blobs.lock().keys().filter(|name| name.starts_with("data/")).cloned().collect();
    for pack in packs {
        let damaged: Vec<u8> = shelf.blobs.lock()[&pack].iter().map(|byte| byte ^ 1).collect();
        shelf.blobs.lock().insert(pack, damaged.into());
    }
    let mut signals = world.store.feed().subscribe();
    assert!(backups.drill(&office.owner).await.is_err());
    let alert = loop {
        if let (_, Signal::Alert { code, .. }) = signals.next().await.unwrap() {
            break code;
        }
    };
    assert_eq!(alert, "backup-drill-failed");
    assert!(backups.status(&office.owner).await.unwrap().drill_failure.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_tenant_keeps_is_erased_and_no_backup_brings_it_back() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    let group = office.group(&ada, &[&ben]).await.id;
    office.post(&ada, group, "old").await;
    let edited = office.post_id(&ada, group, "old, edited later").await;
    let version = backups.run(&office.owner).await.unwrap().id;
    backups.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();
    let day = Duration::from_hours(24);
    world.clock.advance(day * 8);
    office.service().authentication().sweep().await;
    let (owner, ada) = (world.tenant_owner("acme").await, office.again("ada").await);
    let edit = Edit { conversation: group, message: edited, key: None, body: text("edited") };
    committed(world.service.messages().edit(&ada, edit).await.unwrap());
    office.post(&ada, group, "new").await;
    let policy = |retention_days| crate::TenantPolicy { retention_days, ..crate::TenantPolicy::default() };
    let scope = TenantScope::own_work(office.tenant.id);
    assert_eq!(backups.inner.expire(&scope).await.unwrap(), 0, "nobody asked for it");
    world.service.tenants().set_policy(&owner, policy(7)).await.unwrap();
    assert_eq!(backups.inner.expire(&scope).await.unwrap(), 1);
    assert_eq!(office.texts(&ada, group).await, ["edited", "edited", "new"]);
    assert_eq!(backups.inner.expire(&scope).await.unwrap(), 0);
    assert!(office.actions().await.contains(&"retention.erase".to_owned()));
    // Neither a preview nor a restore shows it, also not once the tenant keeps messages for ever.
    world.service.tenants().set_policy(&owner, policy(0)).await.unwrap();
    let shown = backups.preview(&ada, &version, group, &PreviewQuery::default()).await.unwrap();
    let texts: Vec<_> = shown.entries.iter().filter_map(crate::world::text_of).collect();
    assert!(!texts.contains(&"old".to_owned()), "{texts:?}");
    let done = backups.restore(&ada, &password(), &version, group, false).await.unwrap();
    assert_eq!((done.messages, done.erased), (0, 1), "{done:?}");
    // Nor another host, from the version in which it still was.
    backups.run(&owner).await.unwrap();
    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let new = super::backups(&fresh, &shelf);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    whole(&new, &again.owner, &version).await;
    let ada = again.again("ada").await;
    assert!(!again.texts(&ada, group).await.contains(&"old".to_owned()));
    // The message that was edited goes when its edit is old enough.
    world.clock.advance(day * 8);
    world.service.tenants().set_policy(&world.tenant_owner("acme").await, policy(7)).await.unwrap();
    assert_eq!(backups.inner.expire(&scope).await.unwrap(), 2);
}
