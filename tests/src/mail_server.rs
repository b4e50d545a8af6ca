//! A mail server that nobody here wrote (`PyPI` `aiosmtpd`), on the loopback: what it replies is scripted, and what it
//! took is read by Python's own mail parser.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::counterpart::Counterpart;

/// A running mail server. It ends when it is dropped.
pub struct MailServer {
    counterpart: Counterpart,
    client: reqwest::Client,
}

impl MailServer {
    /// Starts one with these options, which `tests/counterparts/mail.py` names. `None` if it is not installed, which is
    /// printed.
    ///
    /// # Errors
    /// It is installed and does not start.
    pub fn start(options: &Value) -> Result<Option<Self>> {
        let options = options.to_string();
        let started = Counterpart::start("mail", &[Path::new(&options)])?;
        Ok(started.map(|counterpart| Self { counterpart, client: reqwest::Client::new() }))
    }

    /// Its port on 127.0.0.1.
    ///
    /// # Errors
    /// It did not say.
    pub fn port(&self) -> Result<u16> {
        let port = self.counterpart.about.get("port").and_then(Value::as_u64).context("it did not say its port")?;
        Ok(u16::try_from(port)?)
    }

    /// Replies by these rules from now on: `{"rcpt": {"ADDRESS": REPLY}, "mail": REPLY, "data": REPLY}`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn reply(&self, rules: Value) -> Result<()> {
        let url = format!("{}/rules", self.counterpart.text("control")?);
        self.client.put(url).json(&rules).send().await?.error_for_status()?;
        Ok(())
    }

    /// Waits until it took so many letters, and gives all that it took.
    ///
    /// # Errors
    /// It does not answer, or so many did not come.
    pub async fn letters(&self, count: usize) -> Result<Vec<Value>> {
        let url = format!("{}/letters?count={count}", self.counterpart.text("control")?);
        let letters: Vec<Value> = self.client.get(url).send().await?.error_for_status()?.json().await?;
        anyhow::ensure!(
            letters.len() >= count,
            "{} letters came, where {count} should: {}",
            letters.len(),
            json!(letters)
        );
        Ok(letters)
    }

    /// The section of a host's configuration that names it the relay `office`, in the clear.
    ///
    /// # Errors
    /// It did not say its port.
    pub fn config(&self) -> Result<String> {
        Ok(format!(
            "[mail.relays.office]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"信使 <no-reply@example.org>\"\n",
            self.port()?
        ))
    }
}
