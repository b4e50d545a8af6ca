//! `warbler tenant`: the operator's tenants.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Client, Server, cell};
use crate::{password, print};

/// Tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Add a tenant with its owner. The owner's password is asked for, or comes from `WARBLER_PASSWORD`.
    Add {
        /// Its short name, which people type at sign-in: 2 to 40 of a-z, 0-9 and "-".
        slug: String,
        /// What it is called; the short name unless given.
        #[arg(long)]
        name: Option<String>,
        /// The name that its owner signs in with.
        #[arg(long)]
        owner: String,
        /// What others see of the owner; the sign-in name unless given.
        #[arg(long)]
        owner_name: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List all tenants.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Remove a tenant for good: its key is destroyed, and nothing of it can ever be read again.
    Remove {
        /// Its short name.
        slug: String,
        /// Say that you mean it.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        server: Server,
    },
}

impl Tenant {
    /// Does what was asked.
    ///
    /// # Errors
    /// The host refused, or cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add { slug, name, owner, owner_name, server } => {
                let client = server.client()?;
                let password = password::ask(&format!("{owner} of {slug}"), true)?;
                let body = json!({
                    "slug": slug,
                    "name": name.unwrap_or_else(|| slug.clone()),
                    "owner": {
                        "login": owner, "name": owner_name.unwrap_or_else(|| owner.clone()), "password": password.as_str(),
                    },
                });
                let answer = client.post("/v1/operator/tenants", &body).await?;
                if client.json() {
                    print::json(&answer);
                } else {
                    print::line(&format!("tenant {slug} is there ({}), owned by {owner}", cell(&answer, "/tenant/id")));
                }
            }
            Self::List { server } => {
                let client = server.client()?;
                let answer = client.get("/v1/operator/tenants").await?;
                if client.json() {
                    print::json(&answer);
                } else {
                    let columns = [("TENANT", "/slug"), ("NAME", "/name"), ("ID", "/id"), ("SINCE", "/created_at")];
                    print::table(&print::list(&answer, "tenants"), &columns);
                }
            }
            Self::Remove { slug, yes, server } => {
                anyhow::ensure!(yes, "removing {slug} cannot be undone: add --yes if you mean it");
                let client = server.client()?;
                let id = find(&client, &slug).await?;
                client.delete(&format!("/v1/operator/tenants/{id}")).await?;
                print::line(&format!("tenant {slug} is gone"));
            }
        }
        Ok(())
    }
}

/// The identifier of the tenant with this short name.
///
/// # Errors
/// There is none, or the host cannot be reached.
pub(super) async fn find(client: &Client, slug: &str) -> anyhow::Result<String> {
    let answer = client.get("/v1/operator/tenants").await?;
    let tenants = print::list(&answer, "tenants");
    let tenant = tenants.iter().find(|tenant| tenant.get("slug").and_then(Value::as_str) == Some(slug));
    tenant.map(|tenant| cell(tenant, "/id")).with_context(|| format!("there is no tenant {slug}"))
}
