//! The host is killed in mid-backup, at moments that chance chooses: the run is made up, one at a time, and whatever
//! version is listed is whole.

use std::path::Path;

use serde_json::json;
use warbler_tests::backups::{Backups, configuration};
use warbler_tests::chance::Chance;
use warbler_tests::host::Host;
use warbler_tests::talk::{self, History};
use warbler_tests::tenant::{PAIR, Tenant};

/// Kills while there is no version yet, each followed by a run that the host makes up by itself.
const KILLS_BEFORE: u64 = 2;

/// Kills of later runs.
const KILLS_AFTER: u64 = 3;

/// A file that takes its time at this limit: the blob after it waits for two seconds.
const FILE: usize = 1024 * 1024;
const LIMIT: u64 = 512 * 1024;

/// A host, its tenant, and what was acknowledged in it.
struct Scene<'a> {
    folder: &'a Path,
    sink: &'a Path,
    host: Host,
    acme: Tenant,
    backups: Backups,
    conversation: String,
    acknowledged: History,
}

impl<'a> Scene<'a> {
    async fn new(folder: &'a Path, sink: &'a Path, chance: &mut Chance) -> Self {
        let (host, acme, backups) = Backups::begin_host(folder, sink).await.unwrap();
        let conversation = acme.direct(0, 1).await.unwrap();
        let mut scene = Self { folder, sink, host, acme, backups, conversation, acknowledged: History::new() };
        scene.talk("at first", 300, chance).await;
        scene
    }

    /// Some messages and a file more.
    async fn talk(&mut self, about: &str, count: usize, chance: &mut Chance) {
        let (alice, bob) = (&self.acme.person(0).unwrap().client, &self.acme.person(1).unwrap().client);
        talk::say(&[alice, bob], &self.conversation, about, count).await.unwrap();
        let name = format!("{}.bin", about.replace(' ', "-"));
        talk::send_file(bob, &self.conversation, &name, &chance.noise(FILE)).await.unwrap();
        self.acknowledged = talk::history(alice, &self.conversation).await.unwrap();
    }

    /// Ends the host with SIGKILL and starts it again.
    async fn kill(self) -> Self {
        self.host.kill().unwrap();
        let host = Host::start(self.folder, &configuration(self.sink)).unwrap();
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        let backups = Backups::of(&host, &acme, self.sink).await.unwrap();
        Self { host, acme, backups, ..self }
    }

    /// Nothing that was acknowledged is lost or moved.
    async fn lost_nothing(&self) {
        let alice = &self.acme.person(0).unwrap().client;
        assert_eq!(talk::history(alice, &self.conversation).await.unwrap(), self.acknowledged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_cut_short_by_sigkill_is_made_up_and_lists_no_incomplete_version() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let mut scene = Scene::new(folder.path(), sink.path(), &mut chance).await;
    // Makes the repository, so that restic can look at it also while there is no version.
    scene.backups.let_passphrase().await.unwrap();
    let hourly = json!({"schedule": {"kind": "every", "hours": 1}, "bytes_per_second": LIMIT});
    scene.backups.decide(hourly).await.unwrap();

    let empty = scene.backups.blobs();
    scene.backups.begin().await.unwrap().with(202).unwrap();
    for round in 0..KILLS_BEFORE {
        // A pack of data, and then perhaps one of trees: the snapshot is some blobs away.
        let blobs = empty + 1 + usize::try_from(chance.below(2)).unwrap();
        scene.backups.until_blobs(blobs.max(scene.backups.blobs())).await.unwrap();
        let second = scene.backups.begin().await.unwrap();
        // What the run before had stored is used, so that later ones may be through by now.
        let is_begun = round > 0 && second.status == 202;
        assert!(is_begun || (second.status, second.code()) == (409, "conflict"), "two runs at a time: {second:?}");
        println!("kill {round} at {} blobs", scene.backups.blobs());
        scene = scene.kill().await;
        scene.lost_nothing().await;
        // Nobody asked for a run since the start: it is made up.
        let status = scene.backups.status().await.unwrap();
        let made = !status["versions"].as_array().unwrap().is_empty();
        assert!(made || status["running"]["what"] == "backup" || status["running"].is_null(), "{status}");
    }
    until_version(&scene.backups).await;
    scene.backups.are_whole().await.unwrap();
    scene.lost_nothing().await;

    for round in 0..KILLS_AFTER {
        scene.talk(&format!("after version {round}"), 20, &mut chance).await;
        let versions = scene.backups.versions().await.unwrap();
        let (before, more) = (scene.backups.blobs(), usize::try_from(chance.below(5)).unwrap());
        scene.backups.begin().await.unwrap().with(202).unwrap();
        scene.backups.until_blobs(before + more).await.unwrap();
        println!("kill {round} of a later run {more} blobs after its beginning");
        scene = scene.kill().await;
        scene.lost_nothing().await;
        scene.backups.at_rest().await.unwrap();
        let listed = scene.backups.versions().await.unwrap();
        assert!(listed.ends_with(&versions) && listed.len() <= versions.len() + 1, "{versions:?} became {listed:?}");
        scene.backups.are_whole().await.unwrap();
        scene.backups.run().await.unwrap();
    }
    scene.backups.are_whole().await.unwrap();
    scene.host.stop().unwrap();
}

/// Waits for the first version, which nobody asked for.
async fn until_version(backups: &Backups) {
    loop {
        let status = backups.at_rest().await.unwrap();
        assert!(status["failure"].is_null(), "{status}");
        if !status["versions"].as_array().unwrap().is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
