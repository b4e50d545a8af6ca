//! Scripts of `tests/counterparts/push`: stand-ins for vendors and others' clients, in Node and Python, with the
//! packages that `cargo xtask setup` installs. Servers that others wrote whole are `counterpart`'s and `servers`'.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::sync::watch;

use crate::servers::{cache, find};

/// How long a script may take to clear up after itself.
const FAREWELL: Duration = Duration::from_secs(20);

/// A script that runs beside a test. It ends when it is dropped.
pub struct Script {
    child: Child,
    /// The script runs for as long as this is open.
    input: Option<ChildStdin>,
    /// Open until the script has ended.
    ended: mpsc::Receiver<()>,
    said: watch::Receiver<Vec<Value>>,
    /// What it said once it was ready.
    pub about: Value,
}

/// Whether these packages of npm are installed. What is missing is told, and the test is to be skipped.
#[must_use]
pub fn has_node(packages: &[&str]) -> bool {
    let is_there = |package: &&str| {
        let mark = format!("node/{}.installed", package.replace('/', "-"));
        find(&mark, &format!("package {package} of npm")).is_some()
    };
    packages.iter().filter(|package| is_there(package)).count() == packages.len()
}

/// Whether these packages of `PyPI` are installed. What is missing is told, and the test is to be skipped.
#[must_use]
pub fn has_python(packages: &[&str]) -> bool {
    let mark = |package: &str| format!("python/{package}.installed");
    let is_there = |package: &&str| find(&mark(package), &format!("package {package} of PyPI")).is_some();
    packages.iter().filter(|package| is_there(package)).count() == packages.len()
}

/// The folder of the scripts.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts/push")
}

/// What runs a script, in the folder with its packages.
fn command(script: &str) -> Command {
    let is_python = Path::new(script).extension() == Some(OsStr::new("py"));
    let program = if is_python { cache().join("python/bin/python") } else { PathBuf::from("node") };
    let mut command = Command::new(program);
    command.current_dir(cache().join(if is_python { "python" } else { "node" })).arg(folder().join(script));
    command
}

/// Runs a script to its end; `roots` is a file of certificates that it trusts beside its own.
///
/// # Errors
/// It failed, which the error shows with all that it said.
pub fn run(script: &str, arguments: &[&OsStr], roots: Option<&Path>) -> Result<()> {
    let mut command = command(script);
    if let Some(roots) = roots {
        command.env("NODE_EXTRA_CA_CERTS", roots);
    }
    let output = command.args(arguments).output().with_context(|| format!("{script} cannot be started"))?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
    Ok(())
}

impl Script {
    /// Starts a script and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or ended at once.
    pub fn start(script: &str, arguments: &[&Path]) -> Result<Self> {
        let mut command = command(script);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{script} cannot be started"))?;
        let input = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().context("it has no output")?).lines();
        let Some(first) = lines.next().transpose()? else {
            child.wait()?;
            bail!("{script} ended before it was ready");
        };
        let about = serde_json::from_str(&first).with_context(|| format!("{script} said: {first}"))?;
        let (keep, said) = watch::channel(Vec::new());
        let (open, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                keep.send_modify(|said| said.push(value));
            }
            drop(open);
        });
        Ok(Self { child, input, ended, said, about })
    }

    /// A text of what it said once it was ready.
    ///
    /// # Errors
    /// It did not say that.
    pub fn text(&self, field: &str) -> Result<&str> {
        self.about.get(field).and_then(Value::as_str).with_context(|| format!("it did not say its {field}"))
    }

    /// Orders something.
    ///
    /// # Errors
    /// It has ended.
    pub fn tell(&mut self, order: &Value) -> Result<()> {
        let input = self.input.as_mut().context("it has ended")?;
        writeln!(input, "{order}")?;
        Ok(input.flush()?)
    }

    /// Waits until it has said a value of this field that fits, and gives it.
    ///
    /// # Errors
    /// It ended, or says that it is broken.
    pub async fn says(&self, field: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let find = |said: &[Value], field: &str, fits: &dyn Fn(&Value) -> bool| {
            said.iter().filter_map(|value| value.get(field)).find(|value| fits(value)).cloned()
        };
        let mut said = self.said.clone();
        let is_over =
            |said: &Vec<Value>| find(said, "broken", &|_| true).or_else(|| find(said, field, &fits)).is_some();
        let said = said.wait_for(is_over).await.context("it has ended")?;
        if let Some(broken) = find(&said, "broken", &|_| true) {
            bail!("the counterpart broke: {broken}");
        }
        find(&said, field, &fits).context("it did not say that")
    }

    /// All values of a field that it said so far.
    #[must_use]
    pub fn said(&self, field: &str) -> Vec<Value> {
        self.said.borrow().iter().filter_map(|value| value.get(field).cloned()).collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The end of its input asks it to clear up: a browser must not stay behind.
        drop(self.input.take());
        if self.ended.recv_timeout(FAREWELL) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
