//! The key of a tenant's backups is changed in the real host, which is killed in the middle of it; then the host is lost,
//! and another one goes on with the copy, by a key that was kept away from both.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};
use warbler_tests::backups::{
    Backups, PASSPHRASE, bytes_in, configuration, configuration_with, contents, restic, try_restic,
};
use warbler_tests::chance::Chance;
use warbler_tests::client::Answer;
use warbler_tests::host::Host;
use warbler_tests::packages;
use warbler_tests::talk;
use warbler_tests::tenant::{self, PAIR, PASSWORD, Tenant};

/// A file, and a limit at which the blob behind it waits for four seconds.
const FILE: usize = 1024 * 1024;
const LIMIT: u64 = 256 * 1024;

/// A host whose tenant has its backups in one folder, and another one that is empty.
struct Scene {
    host: Host,
    acme: Tenant,
    /// What is in the first folder, and what in the second.
    old: Backups,
    new: Backups,
    /// The installation of the second one.
    sink: String,
    conversation: String,
}

impl Scene {
    async fn new(folder: &Path, roots: [&Path; 2]) -> Self {
        let host = Host::start(folder, &two(roots)).unwrap();
        tenant::trust(&host).await.unwrap();
        let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
        let [old, new] = both(&host, &acme, roots).await;
        old.decide(json!({})).await.unwrap();
        let package = packages::bundled("backup-dir").unwrap();
        acme.install(&package, json!({"config": {"folder": "backups"}})).await.unwrap();
        let second = json!({"config": {"folder": "safe"}, "label": "safe"});
        let second = acme.install(&package, second).await.unwrap();
        let sink = second["plugin"]["id"].as_str().unwrap().to_owned();
        let conversation = acme.direct(0, 1).await.unwrap();
        Self { host, acme, old, new, sink, conversation }
    }

    /// Some messages and a file, and a version of them.
    async fn version(&self, about: &str, chance: &mut Chance) -> String {
        let (alice, bob) = (&self.acme.person(0).unwrap().client, &self.acme.person(1).unwrap().client);
        talk::say(&[alice, bob], &self.conversation, about, 40).await.unwrap();
        talk::send_file(bob, &self.conversation, &format!("{about}.bin"), &chance.noise(FILE)).await.unwrap();
        // Where the backups are, they stay.
        let status = self.old.status().await.unwrap();
        let sinks = json!([status["sinks"][0]["installation"]]);
        self.old.decide(json!({"sinks": sinks})).await.unwrap();
        let version = self.old.run().await.unwrap();
        self.old.decide(json!({"sinks": sinks, "bytes_per_second": LIMIT})).await.unwrap();
        version
    }

    async fn rotate(&self) -> Answer {
        let body = json!({"sink": self.sink, "password": PASSWORD});
        self.acme.owner.post("/v1/admin/backups/keys/rotate", body).await.unwrap()
    }

    /// When the versions were made, and how much is in each.
    async fn versions(&self) -> Vec<[Value; 3]> {
        let status = self.new.status().await.unwrap();
        let listed = status["versions"].as_array().unwrap();
        listed.iter().map(|version| ["at", "files", "bytes"].map(|field| version[field].clone())).collect()
    }

    /// Ends the host with SIGKILL and starts it again.
    async fn kill(self, folder: &Path, roots: [&Path; 2]) -> Self {
        self.host.kill().unwrap();
        let host = Host::start(folder, &two(roots)).unwrap();
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        let [old, new] = both(&host, &acme, roots).await;
        Self { host, acme, old, new, ..self }
    }

    /// The host is lost. Another one has the sink, and the key from where it was kept.
    async fn lose_the_host(self, folder: &Path, root: &Path, (id, key): (&str, &[u8])) {
        let history = talk::history(&self.acme.person(0).unwrap().client, &self.conversation).await.unwrap();
        self.host.kill().unwrap();
        let host = Host::start(folder, &configuration(root)).unwrap();
        let (again, backups) = Backups::move_in(&host, "acme-again", &[], root, &self.new.folder).await.unwrap();
        assert_eq!(backups.adopt().await.unwrap().code(), "wrong-key");
        let keys = self.new.folder.join("keys");
        fs::create_dir_all(&keys).unwrap();
        fs::write(keys.join(id), key).unwrap();
        assert_eq!(backups.adopt().await.unwrap().status, 204);
        assert_eq!(backups.problems().await.unwrap(), Vec::<String>::new());
        let newest = backups.versions().await.unwrap().remove(0);
        let body = json!({"version": newest, "password": PASSWORD});
        let begun = again.owner.post("/v1/admin/backups/restore-tenant", body).await.unwrap().with(202).unwrap();
        backups.at_rest().await.unwrap();
        let path = format!("/v1/admin/backups/restore-tenant/{}", begun["id"].as_str().unwrap());
        let job = again.owner.get(&path).await.unwrap().with(200).unwrap();
        assert_eq!(job["state"], "done", "{job}");
        let there = Tenant::sign_in(&host, "acme-again", &PAIR).await.unwrap();
        assert_eq!(talk::history(&there.person(0).unwrap().client, &self.conversation).await.unwrap(), history);
        host.stop().unwrap();
    }
}

fn two([one, other]: [&Path; 2]) -> String {
    configuration_with(&[("backups", one), ("safe", other)])
}

async fn both(host: &Host, acme: &Tenant, [one, other]: [&Path; 2]) -> [Backups; 2] {
    [Backups::of(host, acme, one).await.unwrap(), Backups::of(host, acme, other).await.unwrap()]
}

/// The packs in a folder.
fn packs(backups: &Backups) -> Vec<std::path::PathBuf> {
    contents(&backups.folder.join("data"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_key_survives_sigkill_and_the_copy_survives_the_loss_of_the_host() {
    let (folder, one, other, elsewhere) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let (roots, mut chance) = ([one.path(), other.path()], Chance::seeded());
    let mut scene = Scene::new(folder.path(), roots).await;
    scene.old.let_passphrase().await.unwrap();
    scene.version("first", &mut chance).await;

    // Cancelled behind the first pack: everything is as it was, and runs go on.
    let begun = scene.rotate().await.with(202).unwrap();
    let to_do = begun["to_do"].to_string();
    assert!(to_do.contains("empty the sink") && to_do.contains("escrow"), "{begun}");
    scene.new.until_blobs(2).await.unwrap();
    let again = scene.rotate().await;
    assert_eq!((again.status, again.code()), (409, "conflict"), "{again:?}");
    scene.acme.owner.delete("/v1/admin/backups/run").await.unwrap().with(204).unwrap();
    let status = scene.old.at_rest().await.unwrap();
    assert_eq!(status["key"]["rotation"]["failure"]["code"], "cancelled", "{status}");
    assert!(status["key"]["rotated_at"].is_null(), "{status}");
    let stored = packs(&scene.new);
    scene.version("second", &mut chance).await;

    // Asked for again, it goes on; killed behind the second pack, it goes on by itself.
    let (before, listed) = (bytes_in(&scene.old.folder).unwrap(), scene.versions().await);
    scene.rotate().await.with(202).unwrap();
    let config = fs::read(scene.new.folder.join("config")).unwrap();
    while packs(&scene.new).len() == stored.len() {
        tokio::task::yield_now().await;
    }
    scene = scene.kill(folder.path(), roots).await;
    let status = scene.new.until(|status| status["key"]["rotation"].is_null()).await.unwrap();
    assert!(status["key"]["rotated_at"].is_string(), "{status}");
    assert_eq!(status["sinks"][0]["installation"], scene.sink.as_str(), "{status}");
    scene.new.at_rest().await.unwrap();
    assert_eq!(scene.versions().await, listed);
    assert!(fs::read(scene.new.folder.join("config")).unwrap() == config, "it began anew");
    assert!(stored.iter().all(|pack| pack.exists()), "a pack that was there came a second time");
    assert_eq!(scene.new.told("backup.key.rotate.end").await.unwrap().len(), 2, "cancelled, and done");

    // The old repository is as it was, with its passphrase, which does not open the new one.
    let left = |of: &[(std::path::PathBuf, Vec<u8>)]| {
        of.iter().filter(|(path, _)| !path.ends_with("warbler-lease")).cloned().collect::<Vec<_>>()
    };
    assert!(left(&bytes_in(&scene.old.folder).unwrap()) == left(&before), "the old repository was changed");
    restic(&scene.old.folder, &["--no-lock", "snapshots"]).unwrap();
    if let Some(said) = try_restic(&scene.new.folder, &["--no-lock", "snapshots"]).unwrap() {
        assert!(!said.status.success(), "the old passphrase opens the new repository");
    }
    scene.version("third", &mut chance).await;
    let away = json!({"passphrase": PASSPHRASE, "in_repository": false, "password": PASSWORD});
    let key = scene.acme.owner.post("/v1/admin/backups/keys", away).await.unwrap().with(201).unwrap();
    let file = base64::engine::general_purpose::STANDARD.decode(key["file"].as_str().unwrap()).unwrap();
    scene.lose_the_host(elsewhere.path(), other.path(), (key["id"].as_str().unwrap(), &file)).await;
}
