//! `warbler sign-in`: a session for the commands that a tenant's admins use.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use crate::client::{Server, cell};
use crate::config::write_secret;
use crate::{password, print};

/// Signs in. The token goes to standard output for a shell to keep, or into a file.
#[derive(Debug, clap::Args)]
pub(crate) struct SignIn {
    /// The tenant's short name.
    tenant: String,
    /// The name that the person signs in with.
    user: String,
    /// Write the token into this new file, which only its owner can read, instead of standard output.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl SignIn {
    /// Signs in.
    ///
    /// # Errors
    /// The name or the password is wrong, or the file is there already.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Self { tenant, user, save, server } = self;
        if let Some(path) = &save {
            anyhow::ensure!(!path.exists(), "{} is there already: nothing was changed", path.display());
        }
        let client = server.anonymous()?;
        let password = password::ask(&format!("{user} of {tenant}"), false)?;
        let request = json!({
            "tenant": tenant, "user": user, "password": password.as_str(), "device": "warbler command",
        });
        let answer = client.post("/v1/sign-in", &request).await?;
        let token = answer.get("token").and_then(serde_json::Value::as_str).context("the host gave no token")?;
        match &save {
            Some(path) => {
                write_secret(path, token).with_context(|| format!("cannot write {}", path.display()))?;
                print::line(&format!(
                    "signed in as {}: use --token-file {}",
                    cell(&answer, "/user/name"),
                    path.display()
                ));
            }
            None if client.json() => print::json(&answer),
            None => print::line(token),
        }
        Ok(())
    }
}
