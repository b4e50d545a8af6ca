//! Backups of a tenant in the real host: made into a folder, watched, and looked at by Debian's `restic`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::client::{Answer, Client, text};
use crate::host::Host;
use crate::talk::LIMITS;
use crate::tenant::{self, PAIR, PASSWORD, Role, Tenant};

/// What opens every repository of a test, beside its host.
pub const PASSPHRASE: &str = "a passphrase that is kept in a safe";

/// The pause between two looks at something that goes on by itself.
const LOOK: Duration = Duration::from_millis(3);

/// Looks before a test gives up: some minutes, for slow machines.
const LOOKS: usize = 60_000;

/// The configuration of a host with backups into `folder`, and limits that no test runs into.
#[must_use]
pub fn configuration(folder: &Path) -> String {
    configuration_with(&[("backups", folder)])
}

/// The same, with other folders for backups, each by a name.
#[must_use]
pub fn configuration_with(folders: &[(&str, &Path)]) -> String {
    let lines = folders.iter().map(|(name, folder)| format!("{name} = '{}'\n", folder.display()));
    format!("{LIMITS}[plugins.folders]\n{}", lines.collect::<String>())
}

/// A tenant's backups, as its owner sees them, and the folder that they are in.
#[derive(Debug, Clone)]
pub struct Backups {
    owner: Client,
    /// The tenant's folder among those of the sink.
    pub folder: PathBuf,
}

impl Backups {
    /// Starts a host in `folder` with the tenant "acme" of two people, whose backups go into `root`.
    ///
    /// # Errors
    /// It does not start, or refused.
    pub async fn begin_host(folder: &Path, root: &Path) -> Result<(Host, Tenant, Self)> {
        let host = Host::start(folder, &configuration(root))?;
        tenant::trust(&host).await?;
        let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await?;
        let backups = Self::set_up(&host, &acme, root).await?;
        Ok((host, acme, backups))
    }

    /// Those of a tenant whose sink is set up.
    ///
    /// # Errors
    /// The host does not know the tenant.
    pub async fn of(host: &Host, tenant: &Tenant, root: &Path) -> Result<Self> {
        let listed = host.operator().get("/v1/operator/tenants").await?.with(200)?;
        let tenants = listed.get("tenants").and_then(Value::as_array).context("no tenants")?;
        let named = |found: &&Value| text(found, "slug").is_ok_and(|slug| slug == tenant.slug);
        let id = text(tenants.iter().find(named).context("no such tenant")?, "id")?.to_owned();
        Ok(Self { owner: tenant.owner.clone(), folder: root.join(id) })
    }

    /// Installs the sink in a host that trusts the development key; nothing runs by itself from now on.
    ///
    /// # Errors
    /// The host refused.
    pub async fn set_up(host: &Host, tenant: &Tenant, root: &Path) -> Result<Self> {
        let backups = Self::of(host, tenant, root).await?;
        backups.decide(json!({})).await?;
        tenant.install_bundled("backup-dir", json!({"config": {"folder": "backups"}})).await?;
        Ok(backups)
    }

    /// Makes the tenant `slug` in a host that knows nothing of the repository in the folder `lost`, which the operator
    /// gives it.
    ///
    /// # Errors
    /// The host refused.
    pub async fn move_in(host: &Host, slug: &str, people: &[Role], root: &Path, lost: &Path) -> Result<(Tenant, Self)> {
        tenant::trust(host).await?;
        let tenant = Tenant::make(host, slug, "Acme", people).await?;
        let backups = Self::set_up(host, &tenant, root).await?;
        symlink(lost, &backups.folder)?;
        Ok((tenant, backups))
    }

    /// Sets the policy: only on demand, everything kept, no limit, but for what `changes` says.
    ///
    /// # Errors
    /// The host refused.
    pub async fn decide(&self, changes: Value) -> Result<()> {
        let mut policy = json!({"schedule": {"kind": "never"}, "keep": {"last": 99}, "drill_days": 0, "late_hours": 1});
        let fields = policy.as_object_mut().context("no object")?;
        fields.extend(changes.as_object().context("the changes are no object")?.clone());
        self.owner.put("/v1/admin/backups/policy", policy).await?.with(200)?;
        Ok(())
    }

    /// Lets the passphrase open the repository, which is made if there is none.
    ///
    /// # Errors
    /// The host refused.
    pub async fn let_passphrase(&self) -> Result<()> {
        let key = json!({"passphrase": PASSPHRASE, "password": PASSWORD});
        self.owner.post("/v1/admin/backups/keys", key).await?.with(201)?;
        Ok(())
    }

    /// Takes over the repository that is in the sink.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn adopt(&self) -> Result<Answer> {
        let key = json!({"passphrase": PASSPHRASE, "password": PASSWORD});
        self.owner.post("/v1/admin/backups/adopt", key).await
    }

    /// How they stand.
    ///
    /// # Errors
    /// The host refused.
    pub async fn status(&self) -> Result<Value> {
        self.owner.get("/v1/admin/backups").await?.with(200)
    }

    /// The versions that are listed, the newest first.
    ///
    /// # Errors
    /// The host refused.
    pub async fn versions(&self) -> Result<Vec<String>> {
        versions_in(&self.status().await?)
    }

    /// Waits until `is_so` of how they stand, and tells how they stand then.
    ///
    /// # Errors
    /// It does not become so for minutes.
    pub async fn until(&self, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        for _ in 0..LOOKS {
            let status = self.status().await?;
            if is_so(&status) {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("what is waited for does not come: {}", self.status().await?)
    }

    /// Begins a run.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn begin(&self) -> Result<Answer> {
        self.owner.post("/v1/admin/backups/run", json!({})).await
    }

    /// Waits until nothing is under way, and tells how they stand then.
    ///
    /// # Errors
    /// Something is under way for minutes.
    pub async fn at_rest(&self) -> Result<Value> {
        self.until(|status| status.get("running").is_some_and(Value::is_null)).await
    }

    /// Makes a version, and gives its identifier.
    ///
    /// # Errors
    /// The run failed.
    pub async fn run(&self) -> Result<String> {
        let before = versions_in(&self.at_rest().await?)?;
        self.begin().await?.with(202)?;
        let status = self.at_rest().await?;
        ensure!(status.get("failure").is_some_and(Value::is_null), "the backup failed: {status}");
        let made = versions_in(&status)?.into_iter().find(|version| !before.contains(version));
        made.context("the run ended without a version")
    }

    /// Makes a run that fails, and gives its failure: code and text.
    ///
    /// # Errors
    /// It succeeded.
    pub async fn run_in_vain(&self) -> Result<(String, String)> {
        self.begin().await?.with(202)?;
        let status = self.at_rest().await?;
        let failure = status.get("failure").filter(|failure| !failure.is_null());
        let failure = failure.with_context(|| format!("the backup succeeded: {status}"))?;
        Ok((text(failure, "code")?.to_owned(), text(failure, "text")?.to_owned()))
    }

    /// Heals mirrored sinks, and tells how they stand then.
    ///
    /// # Errors
    /// The host refused.
    pub async fn heal(&self) -> Result<Value> {
        self.owner.post("/v1/admin/backups/heal", json!({})).await?.with(202)?;
        self.at_rest().await
    }

    /// What the audit log has of an action, the newest first.
    ///
    /// # Errors
    /// The host refused.
    pub async fn told(&self, action: &str) -> Result<Vec<Value>> {
        let audit = self.owner.get("/v1/admin/audit?limit=200").await?.with(200)?;
        let entries = audit.get("entries").and_then(Value::as_array).context("no entries")?;
        Ok(entries.iter().filter(|entry| entry.get("action").is_some_and(|of| of == action)).cloned().collect())
    }

    /// Asks for everything to be read, and gives the problems that the host finds.
    ///
    /// # Errors
    /// The host refused.
    pub async fn problems(&self) -> Result<Vec<String>> {
        let report = self.owner.post("/v1/admin/backups/check", json!({"read_data": true})).await?.with(200)?;
        Ok(serde_json::from_value(report.get("problems").cloned().unwrap_or_default())?)
    }

    /// Asks for a trial of a restore, and gives its report.
    ///
    /// # Errors
    /// The host refused.
    pub async fn drill(&self) -> Result<Value> {
        self.owner.post("/v1/admin/backups/drill", json!({})).await?.with(200)
    }

    /// Holds that every version that is listed is whole: by our check, by a trial of the newest one, and by `restic`.
    ///
    /// # Errors
    /// Something is wrong with one.
    pub async fn are_whole(&self) -> Result<()> {
        let problems = self.problems().await?;
        ensure!(problems.is_empty(), "the host's check found {problems:?}");
        if !self.versions().await?.is_empty() {
            let report = self.drill().await?;
            let none = report.get("problems").and_then(Value::as_array).is_some_and(Vec::is_empty);
            ensure!(none, "the trial of a restore found problems: {report}");
        }
        let said = restic(&self.folder, &["--no-lock", "check", "--read-data"])?;
        ensure!(said.is_none_or(|said| said.contains("no errors were found")), "restic found errors");
        Ok(())
    }

    /// How many blobs lie in the sink, the lease left aside.
    #[must_use]
    pub fn blobs(&self) -> usize {
        contents(&self.folder).into_iter().filter(|path| path.file_name().is_none_or(|name| name != LEASE)).count()
    }

    /// Waits until so many blobs lie in the sink.
    ///
    /// # Errors
    /// They do not come for minutes.
    pub async fn until_blobs(&self, count: usize) -> Result<()> {
        for _ in 0..LOOKS {
            if self.blobs() >= count {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("there are {} blobs, and {count} do not come", self.blobs())
    }

    /// The lease that lies in the sink, if there is one.
    #[must_use]
    pub fn lease(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.folder.join(LEASE)).ok()?).ok()
    }
}

/// The name of the lease among the blobs.
const LEASE: &str = "warbler-lease";

/// The identifiers of the versions in a status, the newest first.
///
/// # Errors
/// It is no status.
pub fn versions_in(status: &Value) -> Result<Vec<String>> {
    let listed = status.get("versions").and_then(Value::as_array).context("no versions")?;
    listed.iter().map(|version| Ok(text(version, "id")?.to_owned())).collect()
}

/// The files below a folder, in order, those left aside that are not whole yet.
#[must_use]
pub fn contents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    for path in entries {
        if path.is_dir() {
            if !path.ends_with(".uploads") {
                found.extend(contents(&path));
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What lies in a folder: paths and bytes.
///
/// # Errors
/// A file cannot be read.
pub fn bytes_in(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    contents(folder).into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

/// What `restic` says of a repository; nothing if it is not on this machine, which is printed.
///
/// # Errors
/// It failed.
pub fn restic(repository: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let Some(output) = try_restic(repository, arguments)? else { return Ok(None) };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "restic {arguments:?} in {}: {said}{complaint}", repository.display());
    Ok(Some(said))
}

/// The same, whether it fails or not.
///
/// # Errors
/// It cannot be started.
pub fn try_restic(repository: &Path, arguments: &[&str]) -> Result<Option<Output>> {
    if !Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: there is no restic to be tested against; run: cargo xtask setup");
        eprintln!("SKIPPED: there is no restic to be tested against; run: cargo xtask setup");
        return Ok(None);
    }
    let mut command = Command::new("restic");
    command.args(["--no-cache", "--repo"]).arg(repository).args(arguments);
    Ok(Some(command.env("RESTIC_PASSWORD", PASSPHRASE).output()?))
}
