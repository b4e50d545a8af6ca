//! Servers that nobody here wrote, for tests to talk to: programs in Python, started on a free port of the
//! loopback interface, and stopped with the test. `cargo xtask setup` installs what they need.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::host::program;

/// A running server. It ends when it is dropped.
pub struct Counterpart {
    child: Child,
    /// The server runs for as long as this is open.
    input: Option<ChildStdin>,
    /// What it said once it served: where it is, and how one signs in.
    pub about: Value,
}

impl Counterpart {
    /// Starts `tests/counterparts/NAME.py`. `None` if its libraries are not installed, which is printed.
    ///
    /// # Errors
    /// It is installed and does not start.
    pub fn start(name: &str, arguments: &[&Path]) -> Result<Option<Self>> {
        let Some(python) = python()? else {
            println!("SKIPPED: {name} is not there to be tested against; run: cargo xtask setup");
            eprintln!("SKIPPED: {name} is not there to be tested against; run: cargo xtask setup");
            return Ok(None);
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts").join(format!("{name}.py"));
        let mut command = Command::new(python);
        command.arg(&script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("it has no output")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "{name} ended before it served");
        Ok(Some(Self { child, input, about: serde_json::from_str(&line)? }))
    }

    /// A part of what it said.
    ///
    /// # Errors
    /// It did not say that.
    pub fn text(&self, field: &str) -> Result<&str> {
        self.about.get(field).and_then(Value::as_str).with_context(|| format!("it did not say its {field}"))
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has the libraries.
fn python() -> Result<Option<PathBuf>> {
    let folder = match env::var_os("WARBLER_COUNTERPARTS") {
        Some(folder) => PathBuf::from(folder),
        // Beside the folder of programs: where the build puts it.
        None => match program("warbler-plugin")?.parent().and_then(Path::parent) {
            Some(target) => target.join("counterparts"),
            None => return Ok(None),
        },
    };
    // The file is written last.
    Ok(folder.join("requirements.txt").is_file().then(|| folder.join("bin/python")))
}
