//! `warbler user`: accounts of the caller's tenant.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::tenant::find;
use crate::client::{Client, Server, cell};
use crate::{password, print};

/// Accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add an account. Its first password is asked for, or comes from `WARBLER_PASSWORD`.
    Add {
        /// The name that the person signs in with.
        login: String,
        /// What others see; the sign-in name unless given.
        #[arg(long)]
        name: Option<String>,
        /// owner, admin, moderator, auditor, member, guest or agent.
        #[arg(long, default_value = "member")]
        role: String,
        /// The tenant's short name, with the operator's token; the caller's own tenant unless given.
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Give an account a new password, and end its sessions.
    Reset {
        /// The name that the person signs in with.
        login: String,
        /// The tenant's short name, with the operator's token; the caller's own tenant unless given.
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        server: Server,
    },
}

impl User {
    /// Does what was asked.
    ///
    /// # Errors
    /// The host refused, or cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add { login, name, role, tenant, server } => {
                let client = server.client()?;
                let path = match tenant {
                    Some(slug) => format!("/v1/operator/tenants/{}/members", find(&client, &slug).await?),
                    None => "/v1/admin/members".to_owned(),
                };
                let password = password::ask(&login, true)?;
                let name = name.unwrap_or_else(|| login.clone());
                let body = json!({ "login": login, "name": name, "role": role, "password": password.as_str() });
                let answer = client.post(&path, &body).await?;
                if client.json() {
                    print::json(&answer);
                } else {
                    print::line(&format!("{login} is there ({})", cell(&answer, "/id")));
                }
            }
            Self::Reset { login, tenant, server } => {
                let client = server.client()?;
                let password = password::ask(&login, true)?;
                if let Some(slug) = tenant {
                    let path = format!("/v1/operator/tenants/{}/password", find(&client, &slug).await?);
                    client.post(&path, &json!({ "login": login, "password": password.as_str() })).await?;
                } else {
                    let path = format!("/v1/admin/members/{}/password", member(&client, &login).await?);
                    client.post(&path, &json!({ "password": password.as_str() })).await?;
                }
                print::line(&format!("{login} has a new password, and was signed out everywhere"));
            }
        }
        Ok(())
    }
}

/// The identifier of the account with this sign-in name, found page by page.
async fn member(client: &Client, login: &str) -> anyhow::Result<String> {
    let mut path = "/v1/admin/members".to_owned();
    loop {
        let members = print::list(&client.get(&path).await?, "members");
        if let Some(found) = members.iter().find(|member| member.get("login").and_then(Value::as_str) == Some(login)) {
            return Ok(cell(found, "/id"));
        }
        let last = members.last().map(|member| cell(member, "/id")).with_context(|| format!("there is no {login}"))?;
        path = format!("/v1/admin/members?after={last}");
    }
}
