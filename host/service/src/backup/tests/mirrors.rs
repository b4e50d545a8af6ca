//! Backups that several sinks keep, of which one goes away and comes back.

use super::*;

impl TwoShelves {
    async fn choose(
        &self,
        office: &Office<'_>,
        sinks: &[InstallationId],
        require: u32,
    ) -> Result<(), crate::ServiceError> {
        let policy = BackupPolicy { sinks: sinks.to_vec(), require, ..BackupPolicy::default() };
        self.backups.set_policy(&office.owner, policy).await.map(drop)
    }

    async fn both(&self, office: &Office<'_>) {
        self.choose(office, &[self.one.0, self.other.0], 1).await.unwrap();
    }

    /// Whether the sinks hold everything, in the policy's order.
    async fn current(&self, office: &Office<'_>) -> Vec<bool> {
        let sinks = self.backups.status(&office.owner).await.unwrap().sinks;
        sinks.iter().map(|sink| sink.is_current && sink.behind_since.is_none()).collect()
    }

    /// What the sinks hold of the repository.
    fn are_alike(&self) -> bool {
        let held = |shelf: &Shelf| -> BTreeMap<String, Bytes> {
            let blobs = shelf.blobs.lock();
            blobs
                .iter()
                .filter(|(name, _)| *name != super::super::lease::NAME)
                .map(|(n, b)| (n.clone(), b.clone()))
                .collect()
        };
        let (one, other) = (held(&self.one.1), held(&self.other.1));
        !one.is_empty() && one == other
    }

    async fn healed(&self, office: &Office<'_>) {
        self.backups.heal(&office.owner).await.unwrap();
        while self.backups.status(&office.owner).await.unwrap().running.is_some() {
            tokio::task::yield_now().await;
        }
    }
}

fn away(shelf: &(InstallationId, Arc<Shelf>), away: bool) {
    shelf.1.is_away.store(away, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_away_is_told_of_and_healed_and_stands_in_for_the_other() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let m = TwoShelves::new(&world, &office).await;
    m.both(&office).await;
    let first = m.backups.run(&office.owner).await.unwrap().id;
    assert!(m.are_alike());
    assert_eq!(m.current(&office).await, [true, true]);

    let mut signals = world.store.feed().subscribe();
    away(&m.other, true);
    office.post(&m.ada, m.group, "while one was away").await;
    let second = m.backups.run(&office.owner).await.unwrap().id;
    assert_eq!(m.current(&office).await, [true, false]);
    let alert = loop {
        if let (_, Signal::Alert { code, text }) = signals.next().await.unwrap() {
            break (code, text);
        }
    };
    assert_eq!(alert.0, "backup-sink-behind");
    assert!(alert.1.contains(&m.other.0.to_string()), "{}", alert.1);
    // It is told once, however often it is still away.
    world.clock.advance(Duration::from_secs(1));
    m.backups.run(&office.owner).await.unwrap();
    let actions = office.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "backup.sink.behind").count(), 1);
    let status = m.backups.status(&office.owner).await.unwrap();
    assert!(status.sinks[1].problem.as_deref().unwrap().contains("the shelf is away"), "{:?}", status.sinks);
    assert_eq!(status.failure, None);

    away(&m.other, false);
    m.healed(&office).await;
    assert!(m.are_alike());
    assert_eq!(m.current(&office).await, [true, true]);
    assert!(office.actions().await.contains(&"backup.sink.healed".to_owned()));

    // All of it goes on with the other alone: lists, checks, trials, restores.
    away(&m.one, true);
    let versions = m.backups.all_versions(&office.owner).await.unwrap();
    assert_eq!(versions.iter().filter(|v| v.id == first || v.id == second).count(), 2);
    let report = m.backups.check(&office.owner, warbler_domain::CheckDepth::Everything).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(m.backups.drill(&office.owner).await.unwrap().problems, Vec::<String>::new());
    let before = office.texts(&m.ada, m.group).await;
    clear(&office, &m.ada, m.group).await;
    m.backups.restore(&m.ada, &password(), &second, m.group, false).await.unwrap();
    assert_eq!(office.texts(&m.ada, m.group).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fails_with_an_alarm_if_fewer_sinks_take_it_than_are_required() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let m = TwoShelves::new(&world, &office).await;
    m.choose(&office, &[m.one.0, m.other.0], 2).await.unwrap();
    m.backups.run(&office.owner).await.unwrap();
    away(&m.other, true);
    assert_eq!(code(m.backups.run(&office.owner).await), "sink-failed");
    assert_eq!(m.backups.status(&office.owner).await.unwrap().failure.unwrap().code, "sink-failed");
    assert_eq!(m.backups.all_versions(&office.owner).await.unwrap().len(), 1);
    // Nobody is behind: what one took the other is asked to take again.
    assert_eq!(m.current(&office).await, [true, true]);
    away(&m.other, false);
    m.backups.run(&office.owner).await.unwrap();
    // What one alone took of the run that failed is left over there; each has all that is needed.
    for sink in [&m.one, &m.other] {
        away(sink, true);
        let report = m.backups.check(&office.owner, warbler_domain::CheckDepth::Everything).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        away(sink, false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_joins_later_and_leaves_again_and_is_not_believed_when_it_comes_back() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let m = TwoShelves::new(&world, &office).await;
    // The first one that runs has the backups, as long as nobody chooses.
    let first = m.backups.run(&office.owner).await.unwrap().id;
    assert!(m.other.1.blobs.lock().is_empty());
    m.both(&office).await;
    m.backups.run(&office.owner).await.unwrap();
    assert!(m.are_alike());
    assert!(m.backups.all_versions(&office.owner).await.unwrap().iter().any(|version| version.id == first));

    m.choose(&office, &[m.one.0], 1).await.unwrap();
    office.post(&m.ada, m.group, "not mirrored").await;
    let alone = m.backups.run(&office.owner).await.unwrap().id;
    assert!(!m.are_alike());
    // What the other misses, nobody is made to believe.
    let refused = m.choose(&office, &[m.other.0], 1).await.unwrap_err();
    assert!(refused.to_string().contains("holds everything"), "{refused}");
    m.both(&office).await;
    away(&m.one, true);
    assert_eq!(code(m.backups.restore(&m.ada, &password(), &alone, m.group, false).await), "sink-failed");
    away(&m.one, false);
    m.healed(&office).await;
    assert!(m.are_alike());
    m.choose(&office, &[m.other.0], 1).await.unwrap();
    assert!(m.backups.all_versions(&office.owner).await.unwrap().iter().any(|version| version.id == alone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_another_repository_is_refused_in_words_and_left_alone() {
    let world = World::new().await;
    let (office, stranger) = (world.tenant("acme").await, world.tenant("other").await);
    let m = TwoShelves::new(&world, &office).await;
    let foreign = backups(&world, &m.other.1);
    foreign.run(&stranger.owner).await.unwrap();
    let before = m.other.1.blobs.lock().clone();
    m.backups.run(&office.owner).await.unwrap();
    let refused = m.choose(&office, &[m.one.0, m.other.0], 1).await.unwrap_err();
    assert!(refused.to_string().contains("holds another repository"), "{refused}");
    // It was away when it was chosen, so that this is found out when it is healed.
    away(&m.other, true);
    m.both(&office).await;
    away(&m.other, false);
    m.backups.run(&office.owner).await.unwrap();
    let status = m.backups.status(&office.owner).await.unwrap();
    assert!(status.sinks[1].problem.as_deref().unwrap().contains("another repository"), "{:?}", status.sinks);
    assert_eq!(*m.other.1.blobs.lock(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_in_every_mirror_and_a_new_host_takes_both_over() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let m = TwoShelves::new(&world, &office).await;
    m.both(&office).await;
    let passphrase = |text: &str| Zeroizing::new(format!("a long enough passphrase {text}"));
    let first = m.backups.add_escrow(&office.owner, &password(), passphrase("one"), true).await.unwrap();
    away(&m.other, true);
    m.backups.add_escrow(&office.owner, &password(), passphrase("two"), true).await.unwrap();
    m.backups.remove_escrow(&office.owner, &password(), &first.id).await.unwrap();
    away(&m.other, false);
    let version = m.backups.run(&office.owner).await.unwrap().id;
    assert!(m.are_alike(), "what was taken out is out everywhere");

    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let new = over(&fresh, &m.shelves);
    let policy = BackupPolicy { sinks: vec![m.one.0, m.other.0], ..BackupPolicy::default() };
    new.set_policy(&again.owner, policy).await.unwrap();
    assert_eq!(code(new.adopt(&again.owner, &password(), passphrase("one")).await), "wrong-key");
    // One of them lost something meanwhile.
    let lost = m.one.1.blobs.lock().keys().find(|name| name.starts_with("data/")).cloned().unwrap();
    m.one.1.blobs.lock().remove(&lost);
    new.adopt(&again.owner, &password(), passphrase("two")).await.unwrap();
    assert!(m.are_alike());
    let mut job = new.restore_tenant(&again.owner, &password(), &version).await.unwrap();
    while job.state == RestoreState::Running {
        tokio::task::yield_now().await;
        job = new.restore_job(&again.owner, job.id).await.unwrap();
    }
    assert_eq!((job.state, job.conversations), (RestoreState::Done, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_sink_that_is_left_is_trusted_as_it_is_when_an_admin_says_so() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let m = TwoShelves::new(&world, &office).await;
    m.both(&office).await;
    let first = m.backups.run(&office.owner).await.unwrap().id;
    away(&m.other, true);
    office.post(&m.ada, m.group, "in one alone").await;
    m.backups.run(&office.owner).await.unwrap();
    // Now the one that holds everything is gone for good.
    away(&m.other, false);
    m.shelves.0.lock().remove(0);
    assert_eq!(code(m.backups.all_versions(&office.owner).await), "sink-failed");
    assert_eq!(code(m.backups.trust(&office.owner, &Zeroizing::new("wrong".into()), m.other.0).await), "forbidden");
    m.backups.trust(&office.owner, &password(), m.other.0).await.unwrap();
    m.choose(&office, &[m.other.0], 1).await.unwrap();
    assert_eq!(m.backups.all_versions(&office.owner).await.unwrap().len(), 1);
    let version = m.backups.run(&office.owner).await.unwrap().id;
    assert_eq!(m.backups.drill(&office.owner).await.unwrap().problems, Vec::<String>::new());
    clear(&office, &m.ada, m.group).await;
    m.backups.restore(&m.ada, &password(), &version, m.group, false).await.unwrap();
    assert_eq!(office.texts(&m.ada, m.group).await.len(), 6);
    assert_ne!(first, version);
}
