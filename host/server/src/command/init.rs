//! `warbler init`: a configuration, a master key, an operator's token and, if asked for, a certificate.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use warbler_store::MasterKey;
use zeroize::Zeroizing;

use crate::config::{Config, Store, Tls, example_with, write_secret};
use crate::print;

/// Prepares a folder for a new host.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The folder; it is made if it is not there.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the host shall listen.
    #[arg(long, default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Where everything shall be kept: "sled:FOLDER", counted from the configuration's folder.
    #[arg(long, default_value = "sled:data")]
    store: Store,
    /// Make a self-signed certificate for these names and addresses, comma-separated.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    self_signed: Vec<String>,
}

impl Init {
    /// Writes the files and says what comes next. Nothing that is there already is changed.
    ///
    /// # Errors
    /// A file is there already, or cannot be written.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { folder, listen, store, self_signed } = self;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join("warbler.toml");
        anyhow::ensure!(!file.exists(), "{} is there already: nothing was changed", file.display());

        let mut config = Config { listen, store, ..Config::default() };
        for name in ["master.key", "operator.token"] {
            write_random(&folder.join(name))?;
        }
        if !self_signed.is_empty() {
            config.tls = Some(certify(&folder, self_signed)?);
        }
        std::fs::write(&file, example_with(&config)?).with_context(|| format!("cannot write {}", file.display()))?;
        print::line(next_steps(&folder, &config).trim_end());
        Ok(())
    }
}

/// Writes 32 random bytes as hexadecimal digits.
fn write_random(path: &Path) -> anyhow::Result<()> {
    let text = MasterKey::generate().context("the system's random source failed")?.to_hex();
    write_secret(path, &text).with_context(|| format!("cannot write {}", path.display()))
}

fn certify(folder: &Path, names: Vec<String>) -> anyhow::Result<Tls> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names).context("no certificate can be made for these names")?;
    let certificate = folder.join("certificate.pem");
    std::fs::write(&certificate, cert.pem()).with_context(|| format!("cannot write {}", certificate.display()))?;
    let key = folder.join("certificate.key");
    write_secret(&key, &Zeroizing::new(signing_key.serialize_pem()))
        .with_context(|| format!("cannot write {}", key.display()))?;
    Ok(Tls { certificate: "certificate.pem".into(), key: "certificate.key".into() })
}

fn next_steps(folder: &Path, config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let file = |name: &str| folder.join(name).display().to_string();
    let mut text = format!("{} is ready.\n\n", folder.display());
    let mut line = |what: &str, how: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<28}{how}");
    };
    line("start the host:", format!("warbler serve --config {}", file("warbler.toml")));
    let authority = if config.tls.is_some() { format!(" --ca {}", file("certificate.pem")) } else { String::new() };
    let at = format!("--server {scheme}://{}{authority} --token-file {}", config.listen, file("operator.token"));
    line("add a tenant:", format!("warbler tenant add acme --owner alice {at}"));
    line("trust a plugin publisher:", format!("warbler publisher trust NAME PUBLISHER.pub {at}"));
    line("keep safe, and apart:", format!("{} (without it nothing stored can be read)", file("master.key")));
    text
}
