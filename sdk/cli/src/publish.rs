//! `publish`: a package over the API of a running host.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, Url};
use serde_json::{Value, json};
use warbler_package::{Limits, Package};
use zeroize::Zeroizing;

use crate::package_file;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) wishes: Wishes,
    /// Leaves it inactive after its checks.
    #[arg(long)]
    inactive: bool,
}

/// Which host, and as whom. The token comes from a file or from the environment, never from the
/// command line, which other users of the machine can read.
#[derive(clap::Args)]
pub(crate) struct Server {
    /// The host's address.
    #[arg(long = "server", env = "WARBLER_SERVER", default_value = "http://127.0.0.1:8480", value_name = "URL")]
    address: Url,
    /// A certificate (PEM) to trust beside the system's own, for a self-signed host.
    #[arg(long, env = "WARBLER_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The file with the token of an admin; without it `WARBLER_TOKEN` of the environment is used.
    #[arg(long, env = "WARBLER_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// How the plugin shall be installed.
#[derive(clap::Args)]
pub(crate) struct Wishes {
    /// Its configuration, a JSON file; that of the version in use unless given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Grants everything that the manifest asks for. Without it, what the version in use was granted.
    #[arg(long)]
    grant: bool,
}

/// A package as it is sent.
pub(crate) struct Parcel {
    pub(crate) bytes: Vec<u8>,
    pub(crate) signatures: Vec<String>,
    pub(crate) inactive: bool,
    /// Whether an older version may take the place of a newer one.
    pub(crate) downgrade: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.package.path()?;
    let signatures: Vec<String> = package_file::signatures(&path)?.into_iter().map(|(_, text)| text).collect();
    if signatures.is_empty() {
        bail!("{} has no signature beside it: run `warbler-plugin sign`", path.display());
    }
    let bytes = package_file::read(&path)?;
    let parcel = Parcel { bytes, signatures, inactive: arguments.inactive, downgrade: false };
    println!("{}", send(&arguments.server, &arguments.wishes, &parcel)?);
    Ok(())
}

/// Sends a package, and gives a line about what came of it.
///
/// # Errors
/// The host cannot be reached, or refuses it; then with the host's words.
pub(crate) fn send(server: &Server, wishes: &Wishes, parcel: &Parcel) -> Result<String> {
    let body = body(wishes, parcel)?;
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    let answer = tokio.block_on(post(server, &body))?;
    let field = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    Ok(format!(
        "{} {} is installed: {} ({})",
        field("/plugin/plugin"),
        field("/plugin/version"),
        field("/plugin/status"),
        field("/plugin/id")
    ))
}

fn body(wishes: &Wishes, parcel: &Parcel) -> Result<Value> {
    let mut body = json!({
        "package": STANDARD.encode(&parcel.bytes),
        "signatures": parcel.signatures,
        "allow_downgrade": parcel.downgrade,
        "inactive": parcel.inactive,
    });
    let fields = body.as_object_mut().context("the request is no object")?;
    if let Some(path) = &wishes.config {
        let text = fs::read(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let config: Value = serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        fields.insert("config".to_owned(), config);
    }
    if wishes.grant {
        let package = Package::read(&parcel.bytes, &Limits::default()).context("this is no package")?;
        let asked = serde_json::to_value(&package.manifest().permissions).context("permissions cannot be written")?;
        fields.insert("grants".to_owned(), asked);
    }
    Ok(body)
}

async fn post(server: &Server, body: &Value) -> Result<Value> {
    let url = server.address.join("/v1/admin/plugins").context("the host's address cannot be used")?;
    let token = token(server)?;
    let request = client(server)?.post(url).bearer_auth(token.as_str()).json(body);
    let response = request.send().await.with_context(|| format!("cannot reach {}", server.address))?;
    let status = response.status();
    let text = response.text().await.context("the host's answer broke off")?;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let part = |name: &str| answer.get(name).and_then(Value::as_str);
    let words = part("detail").or_else(|| part("title")).unwrap_or("it gives no reason");
    match part("code") {
        Some(code) => bail!("the host refuses the package ({code}): {words}"),
        None => bail!("the host answers {status}: {words}"),
    }
}

fn token(server: &Server) -> Result<Zeroizing<String>> {
    let token = match &server.token_file {
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read the token {}", path.display()))?,
        None => std::env::var("WARBLER_TOKEN").context("no token: use --token-file, or set WARBLER_TOKEN")?,
    };
    Ok(Zeroizing::new(Zeroizing::new(token).trim().to_owned()))
}

fn client(server: &Server) -> Result<Client> {
    let mut builder = Client::builder();
    if let Some(path) = &server.ca {
        let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let certificates = Certificate::from_pem_bundle(&pem).context("the certificate cannot be read")?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().context("no connection can be made")
}
