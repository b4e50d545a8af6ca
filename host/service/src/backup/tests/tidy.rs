//! What goes, when, and who may take it away.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::atomic::{AtomicBool, Ordering};

use warbler_domain::Expect;

use super::super::lease::{self, Lease};
use super::super::ledger;
use super::super::policy::Keep;
use super::*;

const LAST: Keep = Keep { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, within_days: 0 };

async fn keep(backups: &Backups, office: &Office<'_>, keep: Keep) {
    let policy = BackupPolicy { keep, ..BackupPolicy::default() };
    backups.set_policy(&office.owner, policy).await.unwrap();
}

/// Uploads a file that no compression makes smaller; under which key its record is.
async fn upload_noise(world: &World, by: &Caller, seed: u64) -> warbler_domain::StateKey {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(1 << 17)
    .flatten()
    .collect();
    let bytes = futures::stream::iter([Ok(Bytes::from(noise))]).boxed();
    let new = NewAttachment { name: "noise.bin".into(), media_type: "application/octet-stream".into() };
    let kept = world.service.attachments().put(by, new, bytes).await.unwrap();
    crate::records::attachment(kept.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_full_of_what_no_version_needs_is_freed_by_the_run_after_the_one_that_it_failed() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let backups = backups(&world, &shelf);
    keep(&backups, &office, LAST).await;
    chat(&office, &ada, &ben).await;
    let first = upload_noise(&world, &ada, 1).await;
    backups.run(&office.owner).await.unwrap();
    // The file goes, and with the next version the last that needs it; what it took is not freed before its week.
    let gone = crate::records::delete(first, Expect::Any);
    world.store.state().commit(ada.scope(), vec![gone]).await.unwrap();
    world.clock.advance(Duration::from_hours(1));
    backups.run(&office.owner).await.unwrap();
    let used: usize = shelf.blobs.lock().values().map(Bytes::len).sum();
    assert!(used > 1 << 20, "{used}");

    *shelf.room.lock() = Some(used + (1 << 19));
    upload_noise(&world, &ada, 2).await;
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(code(backups.run(&office.owner).await), "sink-failed");
    backups.run(&office.owner).await.unwrap();
    assert_eq!(backups.all_versions(&office.owner).await.unwrap().len(), 1);
    assert_eq!(backups.drill(&office.owner).await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_leaps_ahead_takes_no_version_by_its_age_and_admins_hear_of_it() {
    let (world, shelf) = (World::new().await, Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let backups = backups(&world, &shelf);
    keep(&backups, &office, Keep { within_days: 30, ..LAST }).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_hours(24));
        backups.run(&office.owner).await.unwrap();
    }
    let mut signals = world.store.feed().subscribe();
    world.clock.advance(Duration::from_hours(24 * 365));
    // Sessions have ended by this clock; the run is the host's own.
    let scope = TenantScope::own_work(office.tenant.id);
    let run = async || backups.inner.run(&scope, crate::audit::Actor::Host, &Arc::default()).await.unwrap();
    let versions = async || backups.inner.open(&scope).await.unwrap().versions().await.unwrap().len();
    run().await;
    assert_eq!(versions().await, 4);
    let alert = loop {
        if let (_, Signal::Alert { code, text }) = signals.next().await.unwrap() {
            break (code, text);
        }
    };
    assert_eq!(alert.0, "backup-clock", "{}", alert.1);
    // Nobody set it right until the next run is due: it is the time.
    world.clock.advance(Duration::from_hours(24));
    run().await;
    assert_eq!(versions().await, 2);
}

/// A sink in which a copy of the host takes the lease just when a version was listed.
#[derive(Default)]
struct Usurped {
    shelf: Shelf,
    is_on: AtomicBool,
}

impl Usurped {
    fn usurp(&self) {
        let mut blobs = self.shelf.blobs.lock();
        let mut lease: Lease = serde_json::from_slice(&blobs[lease::NAME]).unwrap();
        lease.mark = Some(uuid::Uuid::from_u128(7));
        blobs.insert(lease::NAME.to_owned(), serde_json::to_vec(&lease).unwrap().into());
    }
}

#[async_trait]
impl BackupSink for Usurped {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        self.shelf.put(name, bytes).await?;
        if name.starts_with("snapshots/") && self.is_on.load(Ordering::Relaxed) {
            self.usurp();
        }
        Ok(())
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        self.shelf.get(name, offset, length).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        self.shelf.list(prefix, after).await
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        self.shelf.delete(name).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_of_a_host_the_one_that_lost_the_lease_takes_nothing_away_and_stops() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let usurped = Arc::<Usurped>::default();
    let shelves = Shelves::default();
    let installation = InstallationId::from_uuid(uuid::Uuid::from_u128(1));
    shelves.0.lock().push(RunningSink { installation, plugin: "shelf".into(), sink: Arc::clone(&usurped) as _ });
    let backups = over(&world, &shelves);
    keep(&backups, &office, LAST).await;
    backups.run(&office.owner).await.unwrap();

    usurped.is_on.store(true, Ordering::Relaxed);
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(code(backups.run(&office.owner).await), "held");
    // What was listed before is whole, and the older one was not forgotten.
    assert_eq!(backups.all_versions(&office.owner).await.unwrap().len(), 2);
    // Its number is the same as ours, and its mark is not: the copy has worked here.
    assert_eq!(code(backups.run(&office.owner).await), "foreign-host");
    let known = ledger::ledger(&*world.store.state(), &TenantScope::own_work(office.tenant.id)).await.unwrap().lease;
    let theirs: Lease = serde_json::from_slice(&usurped.shelf.blobs.lock()[lease::NAME]).unwrap();
    assert_eq!(known.fence, theirs.fence);
}
