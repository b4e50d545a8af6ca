//! `warbler audit`: is the audit log what was written?

use anyhow::bail;

use crate::client::{Client, Server, cell};
use crate::print;

/// Verifies the hash chain of the caller's tenant, and those that came back from backups; of the host itself with the
/// operator's token.
#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    /// Verify the operator's own log instead of a tenant's.
    #[arg(long)]
    operator: bool,
    #[command(flatten)]
    server: Server,
}

impl Audit {
    /// Verifies.
    ///
    /// # Errors
    /// The log is broken, or the host cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.server.client()?;
        let path = if self.operator { "/v1/operator/audit/verify" } else { "/v1/admin/audit/verify" };
        let report = client.get(path).await?;
        if client.json() {
            print::json(&report);
        } else {
            print::line(&format!(
                "{} entries are intact; hash of the last: {}",
                cell(&report, "/entries"),
                cell(&report, "/last_hash")
            ));
        }
        if report.get("intact").and_then(serde_json::Value::as_bool) != Some(true) {
            bail!("entry {} {}", cell(&report, "/broken/number"), cell(&report, "/broken/reason"));
        }
        if self.operator { Ok(()) } else { archives(&client).await }
    }
}

/// Verifies the logs that came back from backups, too.
async fn archives(client: &Client) -> anyhow::Result<()> {
    for archive in print::list(&client.get("/v1/admin/audit/archives").await?, "archives") {
        let tenant = cell(&archive, "/tenant");
        let report = client.get(&format!("/v1/admin/audit/archives/{tenant}/verify")).await?;
        if client.json() {
            print::json(&report);
        } else {
            let (entries, hash) = (cell(&report, "/entries"), cell(&report, "/last_hash"));
            print::line(&format!("from a backup of {tenant}: {entries} entries are intact; hash of the last: {hash}"));
        }
        if report.get("intact").and_then(serde_json::Value::as_bool) != Some(true) {
            let (number, reason) = (cell(&report, "/broken/number"), cell(&report, "/broken/reason"));
            bail!("entry {number} of the log from a backup of {tenant} {reason}");
        }
    }
    Ok(())
}
