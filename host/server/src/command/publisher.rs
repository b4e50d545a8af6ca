//! `warbler publisher`: whose plugins the operator trusts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use super::tenant::find;
use crate::client::Server;
use crate::print;

/// Publishers.
#[derive(Debug, Subcommand)]
pub(crate) enum Publisher {
    /// Trust a publisher's key.
    Trust {
        /// The name that people know the publisher by.
        name: String,
        /// The file of the key, as minisign writes it.
        #[arg(required_unless_present = "key")]
        key_file: Option<PathBuf>,
        /// The key itself, instead of a file: the last line of a minisign public key.
        #[arg(long, conflicts_with = "key_file")]
        key: Option<String>,
        /// The plugins that the publisher may sign, comma-separated; any unless given.
        #[arg(long, value_delimiter = ',')]
        plugins: Option<Vec<String>>,
        /// When the key ends, RFC 3339; never unless given.
        #[arg(long)]
        expires: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Revoke a key or a package: what it signed, or what has this digest, is refused from now on.
    Revoke {
        /// The key's identifier, 16 hexadecimal digits, as `list` shows it.
        #[arg(long, conflicts_with = "digest")]
        key_id: Option<String>,
        /// The package's SHA-256, 64 hexadecimal digits.
        #[arg(long)]
        digest: Option<String>,
        /// Why.
        #[arg(long, default_value = "revoked by the operator")]
        reason: String,
        #[command(flatten)]
        server: Server,
    },
    /// Let one tenant accept packages signed with a local key (development mode), or no longer.
    Develop {
        /// The tenant's short name.
        tenant: String,
        /// The file of the key, as minisign writes it; without one, the development mode ends.
        key_file: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// List trusted publishers and what is revoked.
    List {
        #[command(flatten)]
        server: Server,
    },
}

impl Publisher {
    /// Does what was asked.
    ///
    /// # Errors
    /// The host refused, or cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Trust { name, key, key_file, plugins, expires, server } => {
                let key = match (key, key_file) {
                    (Some(key), _) => key,
                    (None, Some(path)) => read(&path)?,
                    (None, None) => bail!("no key: name its file, or use --key"),
                };
                let body = json!({ "name": name, "key": key, "plugins": plugins, "expires": expires });
                server.client()?.post("/v1/operator/publishers", &body).await?;
                print::line(&format!("{name} is trusted"));
            }
            Self::Revoke { key_id, digest, reason, server } => {
                let body = match (&key_id, &digest) {
                    (Some(key), _) => json!({ "key_id": key, "reason": reason }),
                    (None, Some(digest)) => json!({ "digest": digest, "reason": reason }),
                    (None, None) => bail!("what shall be revoked? use --key-id or --digest"),
                };
                server.client()?.post("/v1/operator/publishers/revoke", &body).await?;
                print::line(&format!("{} is revoked", key_id.or(digest).unwrap_or_default()));
            }
            Self::Develop { tenant, key_file, server } => {
                let client = server.client()?;
                let id = find(&client, &tenant).await?;
                let body = match key_file {
                    Some(path) => json!({ "name": "development", "key": read(&path)? }),
                    None => json!({}),
                };
                client.put(&format!("/v1/operator/tenants/{id}/development-key"), &body).await?;
                print::line(&format!("the development mode of {tenant} was changed"));
            }
            Self::List { server } => {
                let client = server.client()?;
                let answer = client.get("/v1/operator/publishers").await?;
                if client.json() {
                    print::json(&answer);
                } else {
                    let columns =
                        [("PUBLISHER", "/name"), ("KEY", "/key_id"), ("EXPIRES", "/expires"), ("PLUGINS", "/plugins")];
                    print::table(&print::list(&answer, "publishers"), &columns);
                }
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
