//! The guests of the bench, built with the tool that integrators use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// Where each guest is.
pub(crate) struct Guests {
    /// The bench's words as a component.
    pub(crate) words: PathBuf,
    /// The bundled keyword filter.
    pub(crate) keyword_filter: PathBuf,
    /// The bundled filter against fraud.
    pub(crate) anti_fraud: PathBuf,
    /// The bench's words as an Extism plugin.
    pub(crate) extism: PathBuf,
}

/// Builds what is the bench's own; the bundled filter was built before.
pub(crate) fn build(folder: &Path) -> Result<Guests> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tool = warbler_tests::host::program("warbler-plugin")?;
    let run = |arguments: &[&str], project: &str| -> Result<()> {
        let mut command = Command::new(&tool);
        command.args(arguments).arg("--out").arg(folder).current_dir(benches.join(project));
        ensure!(command.status()?.success(), "{project} does not build");
        Ok(())
    };
    run(&["build"], "words-plugin")?;
    run(&["compile"], "extism/guest")?;
    let packages = PathBuf::from(env::var_os("WARBLER_PACKAGES").context("WARBLER_PACKAGES names no folder")?);
    Ok(Guests {
        words: folder.join("bench-words-0.1.0.wasm"),
        keyword_filter: find(&packages, "keyword-filter-")?,
        anti_fraud: find(&packages, "anti-fraud-")?,
        extism: folder.join("bench_extism_guest.wasm"),
    })
}

fn find(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".wasm")
    };
    files.find(fits).with_context(|| format!("no {prefix}*.wasm in {}", folder.display()))
}
