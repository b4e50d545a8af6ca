//! `verify`: checks a package and its signatures with the code that hosts use.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use warbler_domain::{Clock, SystemClock};
use warbler_package::{HostVersion, KeyId, Limits, Publisher, Requirement, RevocationList, TrustPolicy, verify};

use crate::{key, package_file, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    /// A public key that is trusted; may be given several times.
    #[arg(long = "key", value_name = "FILE", default_value = "plugin.pub")]
    keys: Vec<PathBuf>,
    /// Wants a signature by every key, not only by one.
    #[arg(long)]
    all: bool,
    /// A signature; all that stand beside the package unless given.
    #[arg(long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.package.path()?;
    let bytes = package_file::read(&path)?;
    let signatures = signatures(arguments, &path)?;
    let signatures: Vec<&str> = signatures.iter().map(String::as_str).collect();
    let host: HostVersion = env!("CARGO_PKG_VERSION").parse().context("this program has no version")?;
    let now = SystemClock.now().as_millis();
    let verified = verify(&bytes, &signatures, &policy(arguments)?, &Limits::default(), &host, now)
        .with_context(|| format!("{} is refused", path.display()))?;
    let package = verified.package();
    println!("{} {}: {}", package.name(), package.version(), say::size(package.size()));
    println!("  sha256 {}", package.digest());
    for signer in verified.signers() {
        println!("  signed by {} ({})", signer.key, signer.publisher);
    }
    Ok(())
}

fn signatures(arguments: &Arguments, package: &std::path::Path) -> Result<Vec<String>> {
    if arguments.signatures.is_empty() {
        return Ok(package_file::signatures(package)?.into_iter().map(|(_, text)| text).collect());
    }
    let read = |path: &PathBuf| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    arguments.signatures.iter().map(read).collect()
}

/// Trust in the keys that were given, and in nothing else.
fn policy(arguments: &Arguments) -> Result<TrustPolicy> {
    let publisher = |path: &PathBuf| Ok(Publisher::new(path.display().to_string(), key::read_public(path)?));
    let publishers = arguments.keys.iter().map(publisher).collect::<Result<Vec<_>>>()?;
    let ids = publishers.iter().map(|publisher| publisher.key.id()).collect::<std::collections::BTreeSet<KeyId>>();
    let require = if arguments.all { Requirement::AllOf(ids) } else { Requirement::AnyOf };
    Ok(TrustPolicy { publishers, require, revoked: RevocationList::default() })
}
