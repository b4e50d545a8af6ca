//! Servers in Python that tests talk to: their libraries, in a folder of their own, at pinned versions.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The folder that they are installed in; tests find it by `WARBLER_COUNTERPARTS`.
pub(crate) fn folder() -> PathBuf {
    shell::target().join("counterparts")
}

/// Installs them, unless just these versions are there.
pub(super) fn install() -> Result<()> {
    let wanted = shell::root().join("tests/counterparts/requirements.txt");
    let wish = fs::read_to_string(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let folder = folder();
    // Written last, so that it says that all of it is there.
    let done = folder.join("requirements.txt");
    if fs::read_to_string(&done).is_ok_and(|there| there == wish) {
        return Ok(());
    }
    let mut venv = Command::new("python3");
    shell::step("make a folder for Python libraries", venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
    shell::step("install the servers that tests talk to", &mut pip)?;
    fs::write(&done, wish).with_context(|| format!("cannot write {}", done.display()))
}
