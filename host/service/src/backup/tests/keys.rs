//! The repository's key is changed: into an empty sink, whole or not at all.

use warbler_domain::{BackupVersion, Expect, StateKey};

use super::*;

impl TwoShelves {
    async fn rest(&self, by: &Caller) -> super::super::BackupStatus {
        loop {
            let status = self.backups.status(by).await.unwrap();
            if status.running.is_none() {
                return status;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Changes the key, and waits until that is through.
    async fn rotate(&self, by: &Caller, into: InstallationId) -> super::super::BackupStatus {
        self.backups.rotate_key(by, &password(), into).await.unwrap();
        let status = self.rest(by).await;
        assert_eq!(status.key.rotation, None);
        status
    }

    async fn versions(&self, by: &Caller) -> Vec<BackupVersion> {
        self.backups.all_versions(by).await.unwrap()
    }

    async fn run(&self, by: &Caller) -> BackupVersion {
        self.backups.run(by).await.unwrap()
    }
}

fn passphrase() -> Zeroizing<String> {
    Zeroizing::new("a long enough passphrase".to_owned())
}

fn like(version: &BackupVersion) -> BackupVersion {
    BackupVersion { id: String::new(), ..version.clone() }
}

/// What a shelf holds of a repository.
fn held(shelf: &Shelf) -> BTreeMap<String, Bytes> {
    let blobs = shelf.blobs.lock();
    blobs.iter().filter(|(name, _)| *name != super::super::lease::NAME).map(|(n, b)| (n.clone(), b.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_opens_all_versions_and_the_old_one_none_that_are_made_later() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let safe = TwoShelves::new(&world, &office).await;
    let owner = &office.owner;
    let secret = office.post_id(&safe.ada, safe.group, "to be taken back").await;
    safe.run(owner).await;
    safe.backups.add_escrow(owner, &password(), passphrase(), true).await.unwrap();
    world.service.messages().recall(&safe.ada, safe.group, secret).await.unwrap();
    world.clock.advance(Duration::from_mins(1));
    safe.run(owner).await;
    let expected = office.texts(&safe.ada, safe.group).await;
    let (before, old) = (safe.versions(owner).await, held(&safe.one.1));

    let status = safe.rotate(owner, safe.other.0).await;
    assert_eq!(status.sinks.iter().map(|sink| sink.installation).collect::<Vec<_>>(), [safe.other.0]);
    assert!(status.key.rotated_at.is_some());
    let to_do = status.key.to_do.join("; ");
    assert!(to_do.contains(&format!("empty the sink {}", safe.one.0)) && to_do.contains("escrow"), "{to_do}");
    let after = safe.versions(owner).await;
    assert_eq!(after.iter().map(like).collect::<Vec<_>>(), before.iter().map(like).collect::<Vec<_>>());
    assert!(after.iter().zip(&before).all(|(new, old)| new.id != old.id));
    assert_eq!(held(&safe.one.1), old, "the old repository is left as it is");
    assert_eq!(safe.backups.policy(owner).await.unwrap().sinks, [safe.other.0]);
    let report = safe.backups.check(owner, warbler_domain::CheckDepth::Everything).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());

    // No passphrase comes along, until one is given to it.
    assert!(safe.backups.escrows(owner).await.unwrap().is_empty());
    let opened = async |shelf: &Arc<Shelf>| {
        let sinks: [Arc<dyn BackupSink>; 1] = [Arc::clone(shelf) as _];
        safe.backups.inner.key_in(&sinks, &passphrase()).await
    };
    let old_key = opened(&safe.one.1).await.unwrap();
    assert!(opened(&safe.other.1).await.is_err());
    safe.backups.add_escrow(owner, &password(), passphrase(), true).await.unwrap();
    assert!(opened(&safe.other.1).await.unwrap() != old_key);
    assert_eq!(safe.backups.status(owner).await.unwrap().key.to_do.len(), 1);

    // The next run is incremental, and what is made does not open with the old key.
    let bytes = held(&safe.other.1).values().map(Bytes::len).sum::<usize>();
    world.clock.advance(Duration::from_mins(1));
    office.post(&safe.ada, safe.group, "under the new key").await;
    let added = safe.run(owner).await.added;
    assert!(usize::try_from(added).unwrap() < bytes / 2, "{added} of {bytes}");
    let unlock = warbler_domain::Unlock::Key(old_key);
    let sink: Arc<dyn BackupSink> = Arc::clone(&safe.other.1) as _;
    let backups = &safe.backups.inner.core.ports.backups;
    let opened = backups.open(sink, unlock, warbler_domain::RepositoryOptions::default()).await.map(drop);
    assert!(matches!(opened, Err(warbler_domain::BackupError::WrongKey)), "{opened:?}");

    // The oldest version brings all back but what was erased.
    clear(&office, &safe.ada, safe.group).await;
    let oldest = &after.last().unwrap().id;
    let done = safe.backups.restore(&safe.ada, &password(), oldest, safe.group, false).await.unwrap();
    assert_eq!((done.messages, done.erased), (5, 1), "{done:?}");
    assert_eq!(office.texts(&safe.ada, safe.group).await, expected);
    assert_eq!(safe.backups.drill(owner).await.unwrap().problems, Vec::<String>::new());

    let actions = office.actions().await;
    let told = |action: &str| actions.iter().filter(|found| *found == action).count();
    assert_eq!((told("backup.key.rotate"), told("backup.key.rotate.end")), (1, 1), "{actions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_again_into_the_first_sink_when_that_was_emptied() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let safe = TwoShelves::new(&world, &office).await;
    let owner = &office.owner;
    let first = safe.run(owner).await;
    safe.rotate(owner, safe.other.0).await;
    let refused = safe.backups.rotate_key(owner, &password(), safe.one.0).await.unwrap_err();
    assert!(refused.to_string().contains("is not empty: empty it first"), "{refused}");
    // It cannot become a mirror either: it holds another repository.
    let policy = BackupPolicy { sinks: vec![safe.other.0, safe.one.0], ..BackupPolicy::default() };
    let refused = safe.backups.set_policy(owner, policy.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("another repository"), "{refused}");
    // Nor does a policy that names none lead back to it.
    let refused = safe.backups.set_policy(owner, BackupPolicy::default()).await.unwrap_err();
    assert!(refused.to_string().contains("names none, and so the first one"), "{refused}");

    safe.one.1.blobs.lock().clear();
    world.clock.advance(Duration::from_mins(1));
    safe.run(owner).await;
    assert!(!safe.backups.status(owner).await.unwrap().key.to_do.join("; ").contains("empty"), "it was emptied");
    let status = safe.rotate(owner, safe.one.0).await;
    assert!(status.key.to_do[0].contains(&safe.other.0.to_string()), "{:?}", status.key);
    let versions = safe.versions(owner).await;
    assert_eq!((versions.len(), versions[1].at), (2, first.at));
    assert_eq!(safe.backups.drill(owner).await.unwrap().problems, Vec::<String>::new());

    // Emptied, the other one joins as a mirror, and is filled under the present key.
    safe.other.1.blobs.lock().clear();
    safe.backups.set_policy(owner, policy).await.unwrap();
    world.clock.advance(Duration::from_mins(1));
    safe.run(owner).await;
    assert_eq!(held(&safe.one.1), held(&safe.other.1));
    // And both are left behind by the next change.
    let third = Arc::<Shelf>::default();
    let third = (safe.shelves.add(&third), third);
    let status = safe.rotate(owner, third.0).await;
    assert_eq!(status.key.to_do.iter().filter(|sentence| sentence.starts_with("empty the sink")).count(), 2);
    assert!(status.key.to_do.iter().any(|sentence| sentence.contains("further sinks")), "{:?}", status.key);
    assert_eq!(safe.versions(owner).await.len(), 3);
    world.clock.advance(Duration::from_mins(1));
    safe.run(owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_key_that_cannot_be_is_refused_in_words() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let safe = TwoShelves::new(&world, &office).await;
    let owner = &office.owner;
    let rotate = async |by: &Caller, into| safe.backups.rotate_key(by, &password(), into).await;
    assert_eq!(code(rotate(owner, safe.other.0).await), "no-repository");
    safe.run(owner).await;
    let wrong = Zeroizing::new("not the password".to_owned());
    assert_eq!(code(safe.backups.rotate_key(owner, &wrong, safe.other.0).await), "forbidden");
    assert_eq!(code(rotate(&safe.ada, safe.other.0).await), "forbidden");
    let says = async |into, words: &str| {
        let refused = rotate(owner, into).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(matches!(refused, crate::ServiceError::Invalid { field: "sink", .. }), "{refused:?}");
    };
    says(safe.one.0, "where the backups are now").await;
    says(InstallationId::from_uuid(uuid::Uuid::nil()), "no backup sink of this tenant that runs").await;
    safe.other.1.blobs.lock().insert("left over".into(), Bytes::from_static(b"by somebody"));
    says(safe.other.0, "is not empty").await;
    safe.other.1.blobs.lock().clear();
    let (stranger, before) = (world.tenant("other").await, held(&safe.one.1));
    backups(&world, &safe.other.1).run(&stranger.owner).await.unwrap();
    says(safe.other.0, "is not empty").await;
    safe.other.1.blobs.lock().clear();
    safe.other.1.is_away.store(true, Ordering::Relaxed);
    assert_eq!(code(rotate(owner, safe.other.0).await), "sink-failed");
    safe.other.1.is_away.store(false, Ordering::Relaxed);

    let turn = safe.backups.inner.turn(office.tenant.id, "backup").unwrap();
    assert_eq!(code(rotate(owner, safe.other.0).await), "conflict");
    drop(turn);
    // A restore that a crash cut short names a version, which would be gone.
    let (id, began) = (uuid::Uuid::now_v7(), warbler_domain::Timestamp::default());
    let job = super::super::RestoreJob::new(id, "0", owner.user(), began);
    let key = StateKey::new("backup-restore", &[&id]);
    let write = crate::records::put(key.clone(), &job, Expect::Absent).unwrap();
    world.store.state().commit(owner.scope(), vec![write]).await.unwrap();
    assert_eq!(code(rotate(owner, safe.other.0).await), "conflict");
    world.store.state().commit(owner.scope(), vec![crate::records::delete(key, Expect::Any)]).await.unwrap();
    let status = safe.backups.status(owner).await.unwrap();
    assert_eq!((status.key.rotation, status.key.rotated_at), (None, None));
    assert_eq!((held(&safe.one.1), safe.other.1.blobs.lock().len()), (before, 0));
    assert_eq!(code(safe.backups.give_up_rotation(owner).await), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_key_that_failed_leaves_all_as_it_was_and_goes_on_when_it_is_asked_for_again() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let safe = TwoShelves::new(&world, &office).await;
    let owner = &office.owner;
    safe.run(owner).await;
    let mut signals = world.store.feed().subscribe();
    *safe.other.1.room.lock() = Some(700);
    safe.backups.rotate_key(owner, &password(), safe.other.0).await.unwrap();
    let status = safe.rest(owner).await;
    let failure = status.key.rotation.clone().unwrap().failure.unwrap();
    assert!(failure.code == "sink-failed" && failure.text.contains("the shelf is full"), "{failure:?}");
    let alert = loop {
        if let (_, Signal::Alert { code, text }) = signals.next().await.unwrap() {
            break (code, text);
        }
    };
    assert!(alert.0 == "backup-key-rotation-failed" && alert.1.contains("the shelf is full"), "{alert:?}");
    assert_eq!(status.sinks[0].installation, safe.one.0);
    // The backups go on where they were, under the old key; the change does not by itself.
    world.clock.advance(Duration::from_mins(1));
    safe.run(owner).await;
    safe.backups.inner.resume_rotation(owner.scope()).await.unwrap();
    assert_eq!(safe.rest(owner).await.key.rotation.unwrap().failure, Some(failure));
    *safe.other.1.room.lock() = None;
    let begun = held(&safe.other.1)["config"].clone();
    safe.rotate(owner, safe.other.0).await;
    assert_eq!(held(&safe.other.1)["config"], begun, "it is the same repository, under the same key");
    assert_eq!(safe.versions(owner).await.len(), 2);
    let actions = office.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "backup.key.rotate.end").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_key_that_a_crash_cut_short_goes_on_by_itself_and_a_cancelled_one_can_be_given_up() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let safe = TwoShelves::new(&world, &office).await;
    let owner = &office.owner;
    safe.run(owner).await;
    let key = StateKey::new("backup-key-next", &[]);
    let state = world.store.state();
    *safe.other.1.room.lock() = Some(700);
    safe.backups.rotate_key(owner, &password(), safe.other.0).await.unwrap();
    safe.rest(owner).await;
    *safe.other.1.room.lock() = None;
    safe.backups.give_up_rotation(owner).await.unwrap();
    assert_eq!(safe.backups.status(owner).await.unwrap().key.rotation, None);
    // What it had begun nothing opens any more.
    let refused = safe.backups.rotate_key(owner, &password(), safe.other.0).await.unwrap_err();
    assert!(refused.to_string().contains("is not empty"), "{refused}");
    safe.other.1.blobs.lock().clear();

    // As the host that was killed left it: the record is there, and says of no failure.
    let third = Arc::<Shelf>::default();
    let third = (safe.shelves.add(&third), third);
    *third.1.room.lock() = Some(700);
    safe.backups.rotate_key(owner, &password(), third.0).await.unwrap();
    safe.rest(owner).await;
    *third.1.room.lock() = None;
    let kept = state.get(owner.scope(), &key).await.unwrap().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&kept.value).unwrap();
    record["failure"] = serde_json::Value::Null;
    let write = crate::records::put(key.clone(), &record, Expect::Any).unwrap();
    state.commit(owner.scope(), vec![write]).await.unwrap();
    safe.backups.inner.look(office.tenant.id).await.unwrap();
    let status = loop {
        let status = safe.rest(owner).await;
        if status.key.rotation.is_none() {
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(status.sinks[0].installation, third.0);
    assert!(state.get(owner.scope(), &key).await.unwrap().is_none(), "the next key is kept nowhere else");
    assert_eq!(safe.versions(owner).await.len(), 1);
}
