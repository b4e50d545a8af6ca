//! `warbler backup`, as an operator types it: versions, checks, a trial and restores, the key kept away and changed, and
//! a lost host, whose backups another one takes over.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use warbler_tests::backups::{Backups, PASSPHRASE, configuration, configuration_with, contents};
use warbler_tests::host::{Host, printed, program};
use warbler_tests::packages;
use warbler_tests::talk;
use warbler_tests::tenant::{self, PAIR, PASSWORD, Tenant};

/// A shell of the tenant's owner, who is signed in.
struct Shell<'a> {
    host: &'a Host,
    token: String,
}

impl<'a> Shell<'a> {
    fn of(host: &'a Host, tenant: &str) -> Self {
        let file = host.folder().join("owner.token").display().to_string();
        let shell = Self { host, token: file.clone() };
        shell.says(&["sign-in", tenant, "olivia", "--save", &file]);
        shell
    }

    fn command(&self, arguments: &[&str], password: &str) -> Command {
        let mut command = Command::new(program("warbler").unwrap());
        command.args(arguments).env("WARBLER_SERVER", self.host.base()).env("WARBLER_PASSPHRASE", PASSPHRASE);
        if arguments.first() == Some(&"backup") {
            command.args(["--token-file", &self.token]);
        }
        command.env("WARBLER_PASSWORD", password);
        command
    }

    /// What a command prints that does what it should.
    fn says(&self, arguments: &[&str]) -> String {
        printed(&mut self.command(arguments, PASSWORD)).unwrap()
    }

    /// What a command complains of.
    fn complains(&self, arguments: &[&str], password: &str) -> String {
        let output = self.command(arguments, password).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Makes a version, and gives its name.
    fn version(&self) -> String {
        let made: Value = serde_json::from_str(&self.says(&["backup", "run", "--json"])).unwrap();
        let newest = &made["versions"][0]["id"];
        newest.as_str().unwrap_or_else(|| panic!("no version in {made}")).to_owned()
    }
}

fn has(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_backs_up_checks_restores_changes_the_key_and_loses_the_host() {
    let folders = [(); 5].map(|()| tempfile::tempdir().unwrap());
    let [folder, one, two, elsewhere, other] = folders.each_ref().map(tempfile::TempDir::path);
    let host = Host::start(folder, &configuration_with(&[("backups", one), ("safe", two)])).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    Backups::set_up(&host, &acme, one).await.unwrap();
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    let conversation = acme.direct(0, 1).await.unwrap();
    talk::say(&[alice, bob], &conversation, "before", 12).await.unwrap();
    let history = talk::history(alice, &conversation).await.unwrap();
    let shell = Shell::of(&host, "acme");

    let wrong = shell.complains(&["backup", "escrow"], "not the password");
    assert!(wrong.contains("password") && !wrong.contains(PASSPHRASE), "{wrong}");
    has(&shell.says(&["backup", "escrow"]), &["opens the repository with the passphrase"]);
    has(&shell.says(&["backup", "run"]), &["version ", " files, ", " of them new"]);
    let version = shell.version();
    has(&shell.says(&["backup", "list"]), &[&version, "last trial: -"]);
    has(&shell.says(&["backup", "check"]), &["the repository is well"]);
    has(&shell.says(&["backup", "check", "--read-data"]), &["the repository is well"]);
    has(&shell.says(&["backup", "drill"]), &["the newest version can be restored in full"]);
    has(&shell.says(&["backup", "sinks"]), &["backup-dir", "true"]);

    alice.delete(&format!("/v1/conversations/{conversation}/messages")).await.unwrap().with(200).unwrap();
    assert_ne!(talk::history(alice, &conversation).await.unwrap(), history);
    let restore = ["backup", "restore", &version, "--conversation", &conversation];
    has(&shell.says(&restore), &["12 messages and 0 files came back; 0 were there"]);
    assert_eq!(talk::history(alice, &conversation).await.unwrap(), history);
    has(&shell.says(&restore), &["0 messages and 0 files came back; 12 were there"]);

    let package = packages::bundled("backup-dir").unwrap();
    let safe = acme.install(&package, json!({"config": {"folder": "safe"}, "label": "safe"})).await.unwrap();
    let safe = safe["plugin"]["id"].as_str().unwrap();
    has(&shell.complains(&["backup", "rotate-key", safe], "not the password"), &["password"]);
    has(&shell.says(&["backup", "rotate-key", safe]), &["the repository has a new key", "to do: ", "escrow"]);
    has(&shell.says(&["backup", "list"]), &["to do: "]);
    has(&shell.says(&["backup", "sinks"]), &[safe, "true"]);
    has(&shell.says(&["backup", "escrow"]), &["opens the repository with the passphrase"]);
    let kept = Backups::of(&host, &acme, two).await.unwrap().folder;
    host.kill().unwrap();

    let host = Host::start(elsewhere, &configuration(other)).unwrap();
    let (_, backups) = Backups::move_in(&host, "again", &[], other, &kept).await.unwrap();
    let shell = Shell::of(&host, "again");
    has(&shell.says(&["backup", "adopt"]), &["the repository is this tenant's now"]);
    let listed: Value = serde_json::from_str(&shell.says(&["backup", "list", "--json"])).unwrap();
    let newest = listed["versions"][0]["id"].as_str().unwrap();
    has(&shell.says(&["backup", "restore", newest, "--tenant"]), &["3 accounts, 1 conversations; 12 messages"]);
    let there = Tenant::sign_in(&host, "again", &PAIR).await.unwrap();
    assert_eq!(talk::history(&there.person(0).unwrap().client, &conversation).await.unwrap(), history);

    // What is lost in the sink is found by a check, which fails.
    let packs = contents(&backups.folder.join("data"));
    let largest = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    fs::remove_file(largest).unwrap();
    let name = largest.file_name().unwrap().to_str().unwrap();
    let found = shell.complains(&["backup", "check"], PASSWORD);
    has(&found, &["problems, 1 in all:", &format!("pack {}", &name[..8]), "not present"]);
    assert!(!found.contains("rustic"), "{found}");
    host.stop().unwrap();
}
