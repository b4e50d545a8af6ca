//! Two sinks in the real host that keep the same backups: one goes away and is told of, comes back and is healed, and
//! in the end stands in for the other. Debian's `restic` opens both.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use warbler_tests::backups::{Backups, bytes_in, configuration_with};
use warbler_tests::chance::Chance;
use warbler_tests::client::Client;
use warbler_tests::host::Host;
use warbler_tests::packages;
use warbler_tests::talk;
use warbler_tests::tenant::{self, PAIR, PASSWORD, Tenant};

/// A host whose tenant keeps its backups in two folders.
struct Scene {
    host: Host,
    acme: Tenant,
    /// The same backups, once in each folder.
    both: [Backups; 2],
    /// The installations, in the same order.
    sinks: [String; 2],
    conversation: String,
}

impl Scene {
    async fn new(folder: &Path, roots: [&Path; 2], require: u32) -> Self {
        let [one, other] = roots;
        let host = Host::start(folder, &configuration_with(&[("one", one), ("other", other)])).unwrap();
        tenant::trust(&host).await.unwrap();
        let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
        let both = [Backups::of(&host, &acme, one).await.unwrap(), Backups::of(&host, &acme, other).await.unwrap()];
        both[0].decide(json!({})).await.unwrap();
        let package = packages::bundled("backup-dir").unwrap();
        let first = acme.install(&package, json!({"config": {"folder": "one"}})).await.unwrap();
        let again = json!({"config": {"folder": "other"}, "label": "again"});
        let second = acme.install(&package, again).await.unwrap();
        let sinks = [first, second].map(|installed| installed["plugin"]["id"].as_str().unwrap().to_owned());
        both[0].decide(json!({"sinks": sinks, "require": require})).await.unwrap();
        both[0].let_passphrase().await.unwrap();
        let conversation = acme.direct(0, 1).await.unwrap();
        let scene = Self { host, acme, both, sinks, conversation };
        scene.say("at first", 40).await;
        scene
    }

    fn backups(&self) -> &Backups {
        &self.both[0]
    }

    fn person(&self, place: usize) -> &Client {
        &self.acme.person(place).unwrap().client
    }

    async fn say(&self, about: &str, count: usize) {
        talk::say(&[self.person(0), self.person(1)], &self.conversation, about, count).await.unwrap();
        let (name, bytes) = (format!("{}.bin", about.replace(' ', "-")), Chance::seeded().noise(200_000));
        talk::send_file(self.person(1), &self.conversation, &name, &bytes).await.unwrap();
    }

    /// Switches the second sink off, or on again.
    async fn switch(&self, to: &str) {
        let path = format!("/v1/admin/plugins/{}/{to}", self.sinks[1]);
        self.acme.owner.post(&path, json!({})).await.unwrap().with(200).unwrap();
    }

    /// What the second sink holds, and since when it does not hold everything.
    async fn second(&self) -> Value {
        let status = self.backups().status().await.unwrap();
        assert_eq!(status["sinks"][1]["installation"], self.sinks[1].as_str(), "{status}");
        assert_eq!(status["sinks"][0]["current"], true, "{status}");
        status["sinks"][1].clone()
    }

    fn held(&self, place: usize) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = &self.both[place].folder;
        let all = bytes_in(folder).unwrap().into_iter();
        let repository = all.filter(|(path, _)| path.file_name().is_none_or(|name| name != "warbler-lease"));
        repository.map(|(path, bytes)| (path.strip_prefix(folder).unwrap().to_owned(), bytes)).collect()
    }

    /// Both hold one and the same repository, and each is whole by itself.
    async fn are_alike(&self) {
        assert!(!self.held(0).is_empty());
        assert!(self.held(0) == self.held(1), "the sinks hold different blobs");
        for backups in &self.both {
            backups.are_whole().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_away_is_told_of_and_healed_and_then_stands_in_for_the_one_that_is_lost() {
    let (folder, one, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scene = Scene::new(folder.path(), [one.path(), other.path()], 1).await;
    let first = scene.backups().run().await.unwrap();
    scene.are_alike().await;
    assert_eq!((&scene.second().await["current"], &scene.second().await["behind_since"]), (&json!(true), &json!(null)));

    let mut socket = scene.acme.owner.connect(json!({})).await.unwrap();
    // The second disk is not there any more.
    let aside = folder.path().join("aside");
    fs::rename(other.path(), &aside).unwrap();
    scene.say("while one is away", 30).await;
    let second = scene.backups().run().await.unwrap();
    let behind = scene.second().await;
    assert!(behind["current"] == false && behind["behind_since"].is_string(), "{behind}");
    let alert = socket.until("alert").await.unwrap();
    let text = alert["text"].as_str().unwrap();
    assert_eq!(alert["code"], "backup-sink-behind");
    assert!(text.contains(&scene.sinks[1]) && text.contains(behind["behind_since"].as_str().unwrap()), "{alert}");
    let told = scene.backups().told("backup.sink.behind").await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].to_string().contains(&scene.sinks[1]), "{told:?}");

    // Back again it is still behind, until it is healed.
    fs::rename(&aside, other.path()).unwrap();
    assert_eq!(scene.second().await["behind_since"], behind["behind_since"]);
    assert!(scene.held(0) != scene.held(1));
    let told = scene.backups().told("backup.sink.healed").await.unwrap().len();
    scene.backups().heal().await.unwrap();
    let healed = scene.second().await;
    assert!(healed["current"] == true && healed["behind_since"].is_null(), "{healed}");
    let healings = scene.backups().told("backup.sink.healed").await.unwrap();
    assert_eq!(healings.len(), told + 1);
    assert!(healings[0].to_string().contains(&scene.sinks[1]), "{:?}", healings[0]);
    scene.are_alike().await;

    // The disk with the first one is gone for good: people go on from the second.
    fs::remove_dir_all(one.path()).unwrap();
    assert_eq!(scene.backups().versions().await.unwrap(), [second.clone(), first.clone()]);
    let (alice, bob, id) = (scene.person(0), scene.person(1), &scene.conversation);
    let before = talk::history(alice, id).await.unwrap();
    alice.delete(&format!("/v1/conversations/{id}/messages")).await.unwrap().with(200).unwrap();
    let listed = bob.get(&format!("/v1/backups?conversation={id}")).await.unwrap().with(200).unwrap();
    assert_eq!((&listed["versions"][0]["id"], listed["versions"].as_array().unwrap().len()), (&json!(second), 2));
    let path = format!("/v1/backups/{second}/conversations/{id}?limit=200");
    let preview = bob.get(&path).await.unwrap().with(200).unwrap();
    assert_eq!(preview["messages"].as_array().unwrap().len(), before.len());
    let body = json!({"version": second, "conversation": id, "password": PASSWORD});
    let done = bob.post("/v1/restores", body).await.unwrap().with(200).unwrap();
    assert_eq!(done["messages"], before.len(), "{done}");
    assert_eq!(talk::history(alice, id).await.unwrap(), before);
    scene.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_too_few_sinks_take_fails_in_words_and_lists_no_version() {
    let (folder, one, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scene = Scene::new(folder.path(), [one.path(), other.path()], 2).await;
    let first = scene.backups().run().await.unwrap();
    scene.switch("deactivate").await;
    scene.say("while one is away", 30).await;
    let (code, text) = scene.backups().run_in_vain().await.unwrap();
    assert_eq!(code, "sink-failed");
    assert!(text.contains(&format!("the backup sink {} does not run", scene.sinks[1])), "{text}");
    assert_eq!(scene.backups().versions().await.unwrap(), [first.as_str()]);
    scene.switch("activate").await;
    // What the one took of it does no harm, and the next run is in both.
    let second = scene.backups().run().await.unwrap();
    assert_eq!(scene.backups().versions().await.unwrap(), [second, first]);
    assert_eq!(scene.second().await["current"], true);
    for backups in &scene.both {
        backups.are_whole().await.unwrap();
    }
    scene.host.stop().unwrap();
}
