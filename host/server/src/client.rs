//! A client of a running host, for the commands that talk to one.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use reqwest::{Certificate, Method, Response, Url};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// Which host, and as whom. The token comes from a file or from the environment, never from the command line,
/// which other users of the machine can read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Server {
    /// The host's address.
    #[arg(
        long = "server",
        id = "server",
        env = "WARBLER_SERVER",
        default_value = "http://127.0.0.1:8480",
        value_name = "URL"
    )]
    url: Url,
    /// A certificate (PEM) to trust beside the system's own, for a self-signed host.
    #[arg(long, env = "WARBLER_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The file with the token; without it the environment variable `WARBLER_TOKEN` is used.
    #[arg(long, env = "WARBLER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the host's answer as JSON.
    #[arg(long)]
    json: bool,
}

/// A connection to a host.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Zeroizing<String>>,
    json: bool,
}

impl Server {
    /// A client with the token.
    ///
    /// # Errors
    /// There is no token, or a file cannot be read.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let token = match &self.token_file {
            Some(path) => Zeroizing::new(
                std::fs::read_to_string(path).with_context(|| format!("cannot read the token {}", path.display()))?,
            ),
            None => Zeroizing::new(
                std::env::var("WARBLER_TOKEN").context("no token: use --token-file, or set WARBLER_TOKEN")?,
            ),
        };
        let mut client = self.anonymous()?;
        client.token = Some(Zeroizing::new(token.trim().to_owned()));
        Ok(client)
    }

    /// A client without a token, for signing in.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub(crate) fn anonymous(&self) -> anyhow::Result<Client> {
        let mut builder = reqwest::Client::builder().no_proxy();
        if let Some(path) = &self.ca {
            let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem)?);
        }
        Ok(Client { http: builder.build()?, base: self.url.clone(), token: None, json: self.json })
    }
}

impl Client {
    /// Whether answers shall be printed as JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Gets `path`.
    ///
    /// # Errors
    /// The host cannot be reached, or answers with a problem.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// Posts `body` to `path`.
    ///
    /// # Errors
    /// As in [`Client::get`].
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Puts `body` at `path`.
    ///
    /// # Errors
    /// As in [`Client::get`].
    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// Deletes `path`.
    ///
    /// # Errors
    /// As in [`Client::get`].
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, None::<&()>).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> anyhow::Result<Value> {
        let url = self.base.join(path).with_context(|| format!("{path:?} is no path"))?;
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.as_str());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("cannot reach {}", self.base))?;
        answer(response).await
    }
}

async fn answer(response: Response) -> anyhow::Result<Value> {
    let status = response.status();
    let text = response.text().await.context("the host's answer ended early")?;
    if text.is_empty() && status.is_success() {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_str(&text)
        .with_context(|| format!("the answer ({status}) is no JSON: is this a Warbler host?"))?;
    if !status.is_success() {
        bail!("{}", explain(&value, status.as_u16()));
    }
    Ok(value)
}

/// A problem as a line for people: what went wrong, with its code and field.
fn explain(problem: &Value, status: u16) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let detail = if text("detail").is_empty() { text("title") } else { text("detail") };
    match text("field") {
        "" => format!("{detail} ({}, {status})", text("code")),
        field => format!("{detail} ({}, {status}, field {field})", text("code")),
    }
}

/// Cells of a row, as people read them.
pub(crate) fn cell(row: &Value, name: &str) -> String {
    match row.pointer(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_code_and_field() {
        let problem = serde_json::json!({ "code": "invalid", "detail": "slug is taken", "field": "slug" });
        assert_eq!(explain(&problem, 422), "slug is taken (invalid, 422, field slug)");
    }
}
