//! `keygen`, and reading secret keys. The format is minisign's, so that its keys serve as well.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{KeyPair, SecretKey, SecretKeyBox};
use warbler_package::PublicKey;
use zeroize::Zeroizing;

/// Where a key's password is read from, if it is set: for builds that nobody watches.
pub(crate) const PASSWORD_VARIABLE: &str = "WARBLER_PLUGIN_KEY_PASSWORD";

/// Where a secret key says how its password is stretched, and where its checksum is
/// (<https://jedisct1.github.io/minisign/#secret-key-format>).
const KDF: Range<usize> = 2..4;
const CHECKSUM: Range<usize> = 126..158;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file for the secret key. Whoever has it can publish plugins in your name.
    #[arg(long, value_name = "FILE", default_value = "plugin.key")]
    secret: PathBuf,
    /// The file for the public key, which hosts trust.
    #[arg(long, value_name = "FILE", default_value = "plugin.pub")]
    public: PathBuf,
    /// Keeps the secret key without a password. For keys that only serve development.
    #[arg(long)]
    no_password: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for file in [&arguments.secret, &arguments.public] {
        if file.exists() {
            bail!("{} is there already, and a lost key cannot be made again: choose another name", file.display());
        }
    }
    let pair = if arguments.no_password {
        KeyPair::generate_unencrypted_keypair().context("the keys cannot be made")
    } else {
        let made = KeyPair::generate_encrypted_keypair(std::env::var(PASSWORD_VARIABLE).ok());
        made.with_context(|| {
            format!(
                "no password could be asked for: run it at a terminal, or set {PASSWORD_VARIABLE}, or --no-password"
            )
        })
    }?;
    let public = pair.pk.to_box().context("the public key cannot be written")?.into_string();
    let id = public.parse::<PublicKey>().context("the public key cannot be read back")?.id();
    let comment = format!("Warbler plugin secret key {id}");
    let secret = pair.sk.to_box(Some(&comment)).context("the secret key cannot be written")?.into_string();
    write_new(&arguments.secret, &secret, 0o600)?;
    write_new(&arguments.public, &public, 0o644)?;
    println!("key {id}");
    println!("  secret: {} (keep it to yourself)", arguments.secret.display());
    println!("  public: {} (give it to the operators of hosts)", arguments.public.display());
    Ok(())
}

/// Writes a file that must not be there yet, readable as `mode` says from its first moment.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// The secret key in `path`, opened with the password from the environment, or with one asked for.
///
/// # Errors
/// It cannot be read, or the password is wrong.
pub(crate) fn open_secret(path: &Path) -> Result<SecretKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the secret key {}", path.display()))?;
    // A key without a password refuses one, so this is tried first.
    if let Some(key) = without_password(&text) {
        return Ok(key);
    }
    let sealed = SecretKeyBox::from_string(&text).with_context(|| no_key(path))?;
    let password = std::env::var(PASSWORD_VARIABLE).ok();
    sealed.into_secret_key(password).with_context(|| format!("the secret key {} cannot be opened", path.display()))
}

/// A key that is kept without a password.
fn without_password(text: &str) -> Option<SecretKey> {
    let checked = SecretKeyBox::from_string(text).and_then(SecretKeyBox::into_unencrypted_secret_key);
    if let Ok(key) = checked {
        return Some(key);
    }
    // `minisign -G -W` leaves the checksum out (all zeros), which the crate takes for damage.
    let bytes = Zeroizing::new(STANDARD.decode(text.lines().nth(1)?.trim()).ok()?);
    let is_plain = bytes.get(KDF) == Some([0; 2].as_slice());
    let has_checksum = bytes.get(CHECKSUM)?.iter().any(|byte| *byte != 0);
    if is_plain && !has_checksum { SecretKey::from_bytes(&bytes).ok() } else { None }
}

fn no_key(path: &Path) -> String {
    format!("{} holds no secret key of minisign", path.display())
}

/// The public key in `path`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the public key {}", path.display()))?;
    text.parse().with_context(|| format!("{} holds no public key of minisign", path.display()))
}
