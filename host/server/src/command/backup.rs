//! `warbler backup`: versions of the caller's tenant.

use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Client, Server, cell};
use crate::{password, print};

/// How often to ask how far a run is.
const ASK: Duration = Duration::from_millis(500);

/// What came back of a tenant beside people and conversations: where a job says it, and how it is called.
const BELONGINGS: [(&str, &str); 10] = [
    ("/decisions", "decisions"),
    ("/word_lists", "word lists"),
    ("/installations", "plugins"),
    ("/plugin_values", "values of plugins"),
    ("/agents", "agents"),
    ("/tool_servers", "tool servers"),
    ("/documents", "documents"),
    ("/push_settings", "settings of notifications"),
    ("/held", "held messages"),
    ("/audit_entries", "entries of the old audit log"),
];

/// Backups.
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Make a version now, and wait until it is made.
    Run {
        #[command(flatten)]
        server: Server,
    },
    /// List the versions, and tell how the backups stand.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Tell how the sinks stand, or choose them: several keep all of it each.
    Sinks {
        /// The installations that shall keep the backups, as `plugin list` shows them.
        #[arg(value_name = "INSTALLATION")]
        sinks: Vec<String>,
        /// How many of them have to take a write; the others are healed when they are back.
        #[arg(long, default_value_t = 1, requires = "sinks")]
        require: u32,
        #[command(flatten)]
        server: Server,
    },
    /// Heal mirrored sinks that are behind, and wait for it.
    Heal {
        #[command(flatten)]
        server: Server,
    },
    /// Trust a sink as it is, after all that held everything are lost. The caller's password is asked for, or comes
    /// from `WARBLER_PASSWORD`.
    Trust {
        /// Its installation.
        installation: String,
        #[command(flatten)]
        server: Server,
    },
    /// Look for damage.
    Check {
        /// Read all data, too.
        #[arg(long)]
        read_data: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Try a restore of the newest version in a store that is thrown away.
    Drill {
        #[command(flatten)]
        server: Server,
    },
    /// Bring back what is missing. The caller's password is asked for, or comes from `WARBLER_PASSWORD`.
    Restore {
        /// The version, as `list` shows it.
        version: String,
        /// Only this conversation.
        #[arg(long)]
        conversation: Option<String>,
        /// Only what this member wrote.
        #[arg(long, value_name = "ID")]
        member: Option<String>,
        /// The whole tenant, with accounts and conversations that are not there.
        #[arg(long, conflicts_with_all = ["conversation", "member"])]
        tenant: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Let a passphrase open the repository, for keeping away from the host. It comes from `WARBLER_PASSPHRASE`.
    Escrow {
        /// Print the key, and leave nothing of it in the repository.
        #[arg(long)]
        away: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Change the repository's own key, and wait for it: everything is copied, sealed anew, into an empty sink, which
    /// keeps the backups from then on. The caller's password is asked for, or comes from `WARBLER_PASSWORD`.
    RotateKey {
        /// The installation of the empty sink, as `plugin list` shows it. The same again goes on with what was cut short.
        #[arg(required_unless_present = "give_up")]
        installation: Option<String>,
        /// Give up a change that was cut short.
        #[arg(long, conflicts_with = "installation")]
        give_up: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Take over the repository in the sink, after the host was lost. The passphrase comes from `WARBLER_PASSPHRASE`.
    Adopt {
        #[command(flatten)]
        server: Server,
    },
}

impl Backup {
    /// Does what was asked.
    ///
    /// # Errors
    /// The host refused or cannot be reached, or the backups are not well.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run { server } => run(&server.client()?).await,
            Self::List { server } => list(&server.client()?).await,
            Self::Sinks { sinks, require, server } => choose_sinks(&server.client()?, &sinks, require).await,
            Self::Heal { server } => heal(&server.client()?).await,
            Self::Trust { installation, server } => {
                let client = server.client()?;
                let password = password::ask("your account", false)?;
                let body = json!({ "installation": installation, "password": password.as_str() });
                client.post("/v1/admin/backups/trust", &body).await?;
                print::line("what this sink holds is the repository now");
                Ok(())
            }
            Self::Check { read_data, server } => {
                let client = server.client()?;
                let report = client.post("/v1/admin/backups/check", &json!({ "read_data": read_data })).await?;
                told(&client, &report, "the repository is well")
            }
            Self::Drill { server } => {
                let client = server.client()?;
                let report = client.post("/v1/admin/backups/drill", &json!({})).await?;
                told(&client, &report, "the newest version can be restored in full")
            }
            Self::Restore { version, conversation, member, tenant, server } => {
                let client = server.client()?;
                let password = password::ask("your account", false)?;
                let whole = json!({ "version": version, "password": password.as_str() });
                if tenant {
                    return restore_tenant(&client, &whole).await;
                }
                let part = json!({ "conversation": conversation, "member": member });
                let body = together(&whole, &part);
                let done = client.post("/v1/admin/backups/restore", &body).await?;
                show(&client, &done, &restored(&done));
                Ok(())
            }
            Self::Escrow { away, server } => {
                let client = server.client()?;
                let (passphrase, password) = (passphrase()?, password::ask("your account", false)?);
                let body = json!({ "passphrase": passphrase, "in_repository": !away, "password": password.as_str() });
                let key = client.post("/v1/admin/backups/keys", &body).await?;
                let file =
                    if away { format!(", and is kept nowhere else:\n{}", cell(&key, "/file")) } else { String::new() };
                show(
                    &client,
                    &key,
                    &format!("the key {} opens the repository with the passphrase{file}", cell(&key, "/id")),
                );
                Ok(())
            }
            Self::RotateKey { installation, give_up: _, server } => rotate_key(&server.client()?, installation).await,
            Self::Adopt { server } => {
                let client = server.client()?;
                let (passphrase, password) = (passphrase()?, password::ask("your account", false)?);
                let body = json!({ "passphrase": passphrase, "password": password.as_str() });
                client.post("/v1/admin/backups/adopt", &body).await?;
                print::line("the repository is this tenant's now");
                Ok(())
            }
        }
    }
}

fn passphrase() -> anyhow::Result<String> {
    match std::env::var("WARBLER_PASSPHRASE") {
        Ok(passphrase) => Ok(passphrase),
        Err(_) => bail!("no passphrase: set WARBLER_PASSPHRASE"),
    }
}

async fn run(client: &Client) -> anyhow::Result<()> {
    let before = client.get("/v1/admin/backups").await?;
    client.post("/v1/admin/backups/run", &json!({})).await?;
    loop {
        tokio::time::sleep(ASK).await;
        let status = client.get("/v1/admin/backups").await?;
        if status.get("running").is_some_and(|running| !running.is_null()) {
            continue;
        }
        if status.get("failure").is_some_and(|failure| !failure.is_null()) {
            bail!("{} ({})", cell(&status, "/failure/text"), cell(&status, "/failure/code"));
        }
        let known: Vec<String> = print::list(&before, "versions").iter().map(|version| cell(version, "/id")).collect();
        // Not the first of them, if the clock was set back.
        let listed = print::list(&status, "versions");
        let Some(made) = listed.iter().find(|version| !known.contains(&cell(version, "/id"))) else {
            bail!("the run ended without a version");
        };
        let text = format!(
            "version {}: {} files, {} bytes, {} of them new",
            cell(made, "/id"),
            cell(made, "/files"),
            cell(made, "/bytes"),
            cell(made, "/added")
        );
        show(client, &status, &text);
        return Ok(());
    }
}

/// Changes the key into the sink of an installation, or gives a change up.
async fn rotate_key(client: &Client, installation: Option<String>) -> anyhow::Result<()> {
    let Some(installation) = installation else {
        client.delete("/v1/admin/backups/keys/rotate").await?;
        print::line("the repository keeps its key");
        return Ok(());
    };
    let password = password::ask("your account", false)?;
    let body = json!({ "sink": installation, "password": password.as_str() });
    client.post("/v1/admin/backups/keys/rotate", &body).await?;
    loop {
        tokio::time::sleep(ASK).await;
        let status = client.get("/v1/admin/backups").await?;
        if cell(&status, "/running/what") == "rotate" {
            continue;
        }
        if status.pointer("/key/rotation").is_some_and(|rotation| !rotation.is_null()) {
            let (text, code) =
                (cell(&status, "/key/rotation/failure/text"), cell(&status, "/key/rotation/failure/code"));
            bail!("the key is as it was: {text} ({code}); the same again goes on with what was copied");
        }
        let mut text = "the repository has a new key".to_owned();
        add_to_do(&mut text, status.get("key"));
        show(client, &status, &text);
        return Ok(());
    }
}

async fn choose_sinks(client: &Client, sinks: &[String], require: u32) -> anyhow::Result<()> {
    if !sinks.is_empty() {
        let policy = client.get("/v1/admin/backups/policy").await?;
        let policy = together(&policy, &json!({ "sinks": sinks, "require": require }));
        client.put("/v1/admin/backups/policy", &policy).await?;
    }
    show_sinks(client, &client.get("/v1/admin/backups").await?);
    Ok(())
}

async fn heal(client: &Client) -> anyhow::Result<()> {
    client.post("/v1/admin/backups/heal", &json!({})).await?;
    loop {
        tokio::time::sleep(ASK).await;
        let status = client.get("/v1/admin/backups").await?;
        if status.get("running").is_some_and(|running| !running.is_null()) {
            continue;
        }
        show_sinks(client, &status);
        let behind = print::list(&status, "sinks").iter().filter(|sink| cell(sink, "/current") != "true").count();
        if behind > 0 {
            bail!("{behind} of the sinks are behind");
        }
        return Ok(());
    }
}

fn show_sinks(client: &Client, status: &Value) {
    if client.json() {
        print::json(status);
        return;
    }
    let columns = [
        ("installation", "/installation"),
        ("plugin", "/plugin"),
        ("holds everything", "/current"),
        ("behind since", "/behind_since"),
        ("problem", "/problem"),
    ];
    print::table(&print::list(status, "sinks"), &columns);
}

async fn list(client: &Client) -> anyhow::Result<()> {
    let status = client.get("/v1/admin/backups").await?;
    if client.json() {
        print::json(&status);
        return Ok(());
    }
    if status.get("unreadable").is_some_and(|unreadable| !unreadable.is_null()) {
        print::line(&format!("the versions cannot be listed: {}", cell(&status, "/unreadable/text")));
    }
    let columns = [("version", "/id"), ("made", "/at"), ("files", "/files"), ("bytes", "/bytes"), ("new", "/added")];
    print::table(&print::list(&status, "versions"), &columns);
    print::line(&format!("next: {}; last trial: {}", cell(&status, "/next_at"), cell(&status, "/drilled_at")));
    if status.get("failure").is_some_and(|failure| !failure.is_null()) {
        print::line(&format!("the last run failed: {}", cell(&status, "/failure/text")));
    }
    if status.pointer("/key/rotation").is_some_and(|rotation| !rotation.is_null()) {
        print::line(&format!("a change of the key is not through: {}", cell(&status, "/key/rotation/failure/text")));
    }
    let mut to_do = String::new();
    add_to_do(&mut to_do, status.get("key"));
    to_do.lines().filter(|line| !line.is_empty()).for_each(print::line);
    Ok(())
}

/// Prints a report; one with problems is an error.
fn told(client: &Client, report: &Value, well: &str) -> anyhow::Result<()> {
    let problems = print::list(report, "problems");
    if client.json() {
        print::json(report);
    }
    if problems.is_empty() {
        if !client.json() {
            print::line(well);
        }
        return Ok(());
    }
    let texts: Vec<&str> = problems.iter().filter_map(Value::as_str).collect();
    bail!("problems, {} in all:\n{}", texts.len(), texts.join("\n"))
}

/// One object with the fields of both.
fn together(one: &Value, other: &Value) -> Value {
    let fields = [one, other].into_iter().filter_map(Value::as_object).flatten();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn restore_tenant(client: &Client, body: &Value) -> anyhow::Result<()> {
    let mut job = client.post("/v1/admin/backups/restore-tenant", body).await?;
    let path = format!("/v1/admin/backups/restore-tenant/{}", cell(&job, "/id"));
    while cell(&job, "/state") == "running" {
        tokio::time::sleep(ASK).await;
        job = client.get(&path).await?;
    }
    if cell(&job, "/state") == "failed" {
        bail!("{} ({})", cell(&job, "/failure/text"), cell(&job, "/failure/code"));
    }
    let done = job.get("restored").cloned().unwrap_or_default();
    let (accounts, conversations) = (cell(&job, "/accounts"), cell(&job, "/conversations"));
    let count = |name: &str| cell(&job, name);
    let mut text = format!("{accounts} accounts, {conversations} conversations; {}\n", restored(&done));
    let counted = BELONGINGS.map(|(name, what)| format!("{} {what}", count(name)));
    text.push_str(&counted.join(", "));
    add_to_do(&mut text, Some(&job));
    show(client, &job, &text);
    Ok(())
}

/// Adds what a person has to do, a line each.
fn add_to_do(text: &mut String, of: Option<&Value>) {
    let Some(of) = of else { return };
    for left in print::list(of, "to_do").iter().filter_map(Value::as_str) {
        text.push_str("\nto do: ");
        text.push_str(left);
    }
}

fn restored(done: &Value) -> String {
    let count = |name: &str| cell(done, name);
    format!(
        "{} messages and {} files came back; {} were there, {} stay erased, {} are too old, {} are not for you",
        count("/messages"),
        count("/files"),
        count("/present"),
        count("/erased"),
        count("/expired"),
        count("/withheld")
    )
}

fn show(client: &Client, answer: &Value, text: &str) {
    if client.json() {
        print::json(answer);
    } else {
        print::line(text);
    }
}
