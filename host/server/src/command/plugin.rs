//! `warbler plugin`: the plugins of the caller's tenant.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::{Client, Server, cell};
use crate::print;

/// Plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Install a package, or the next version of one that is there, and activate it.
    Install(Install),
    /// List the installed plugins in the order in which filters run.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Activate an installation.
    Activate(One),
    /// Go back to the version before.
    Rollback(One),
    /// Remove an installation with all that it kept.
    Remove(One),
    /// Break the plugin on purpose and see whether its policy holds.
    SelfTest(One),
}

/// What to install.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// The package, NAME-VERSION.wasm.
    package: PathBuf,
    /// Its signatures; the file beside it with `.minisig` unless given.
    #[arg(long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
    /// Its configuration: JSON, or the JSON file after an @.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// What it is granted: JSON, or the JSON file after an @.
    #[arg(long, value_name = "JSON|@FILE")]
    grants: Option<String>,
    /// What happens to a message when it fails: closed (held), open (passed) or lexicon.
    #[arg(long)]
    fail_policy: Option<String>,
    /// Installs a plugin of which there is one already once more, under this label: a second sink, another filter.
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// One installation.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The plugin's name, with a label NAME/LABEL, or the installation's identifier.
    plugin: String,
    #[command(flatten)]
    server: Server,
}

impl Plugin {
    /// Does what was asked.
    ///
    /// # Errors
    /// The host refused, or cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Install(install) => install.run().await,
            Self::List { server } => list(&server.client()?).await,
            Self::Activate(one) => one.post("activate", "is active").await,
            Self::Rollback(one) => one.post("rollback", "is back at the version before").await,
            Self::Remove(one) => one.remove().await,
            Self::SelfTest(one) => one.self_test().await,
        }
    }
}

impl Install {
    async fn run(self) -> anyhow::Result<()> {
        let package =
            std::fs::read(&self.package).with_context(|| format!("cannot read {}", self.package.display()))?;
        let beside = || vec![PathBuf::from(format!("{}.minisig", self.package.display()))];
        let files = if self.signatures.is_empty() { beside() } else { self.signatures };
        let signatures: Result<Vec<_>, _> = files.iter().map(|path| read(path)).collect();
        let mut body = json!({ "package": STANDARD.encode(package), "signatures": signatures? });
        let mut extra = serde_json::Map::new();
        for (name, value) in [("config", self.config), ("grants", self.grants)] {
            if let Some(value) = value {
                extra.insert(name.to_owned(), parse(&value).with_context(|| format!("--{name}"))?);
            }
        }
        for (name, value) in [("fail_policy", self.fail_policy), ("label", self.label)] {
            if let Some(value) = value {
                extra.insert(name.to_owned(), value.into());
            }
        }
        body.as_object_mut().context("the request is no object")?.append(&mut extra);
        let client = self.server.client()?;
        let answer = client.post("/v1/admin/plugins", &body).await?;
        if client.json() {
            print::json(&answer);
        } else {
            print::line(&format!(
                "{} {} is installed: {} ({})",
                cell(&answer, "/plugin/plugin"),
                cell(&answer, "/plugin/version"),
                cell(&answer, "/plugin/status"),
                cell(&answer, "/plugin/id")
            ));
        }
        Ok(())
    }
}

impl One {
    async fn post(self, action: &str, done: &str) -> anyhow::Result<()> {
        let client = self.server.client()?;
        let id = find(&client, &self.plugin).await?;
        let answer = client.post(&format!("/v1/admin/plugins/{id}/{action}"), &json!({})).await?;
        if client.json() {
            print::json(&answer);
        } else {
            print::line(&format!("{} {done}", self.plugin));
        }
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let client = self.server.client()?;
        let id = find(&client, &self.plugin).await?;
        client.delete(&format!("/v1/admin/plugins/{id}")).await?;
        print::line(&format!("{} is removed", self.plugin));
        Ok(())
    }

    async fn self_test(self) -> anyhow::Result<()> {
        let client = self.server.client()?;
        let id = find(&client, &self.plugin).await?;
        let report = client.post(&format!("/v1/admin/plugins/{id}/self-test"), &json!({})).await?;
        if client.json() {
            print::json(&report);
        } else {
            print::table(
                &print::list(&report, "checks"),
                &[("BROKEN BY", "/name"), ("EXPECTED", "/expected"), ("SEEN", "/seen"), ("HELD", "/held")],
            );
        }
        if report.get("held").and_then(Value::as_bool) != Some(true) {
            bail!("the self-test of {} failed", self.plugin);
        }
        Ok(())
    }
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let answer = client.get("/v1/admin/plugins").await?;
    if client.json() {
        print::json(&answer);
        return Ok(());
    }
    let rows = print::list(&answer, "plugins").into_iter().map(|mut row| {
        let name = name(&row);
        if let Some(plugin) = row.pointer_mut("/plugin") {
            *plugin = name.into();
        }
        row
    });
    let columns = [
        ("PLUGIN", "/plugin"),
        ("VERSION", "/version"),
        ("STATUS", "/status"),
        ("ON FAILURE", "/fail_policy"),
        ("ID", "/id"),
    ];
    print::table(&rows.collect::<Vec<_>>(), &columns);
    Ok(())
}

async fn find(client: &Client, plugin: &str) -> anyhow::Result<String> {
    let answer = client.get("/v1/admin/plugins").await?;
    let plugins = print::list(&answer, "plugins");
    let is_it = |row: &&Value| cell(row, "/id") == plugin || name(row) == plugin;
    plugins.iter().find(is_it).map(|row| cell(row, "/id")).with_context(|| format!("there is no plugin {plugin}"))
}

/// What an installation is called: PLUGIN, or PLUGIN/LABEL.
fn name(row: &Value) -> String {
    let plugin = cell(row, "/plugin");
    row.pointer("/label").and_then(Value::as_str).map_or_else(|| plugin.clone(), |label| format!("{plugin}/{label}"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// JSON, or the JSON file after an `@`.
fn parse(text: &str) -> anyhow::Result<Value> {
    let text = match text.strip_prefix('@') {
        Some(path) => read(Path::new(path))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).context("not JSON")
}
