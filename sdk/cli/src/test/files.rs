//! Case files: where they are, and how they are read. What a case says is its hook's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

/// A case file with its cases.
pub(super) type CaseFile<C> = (PathBuf, Vec<C>);

/// A case whose sense can be checked before it is run.
pub(super) trait Checked: DeserializeOwned {
    /// Puts what was said in short where it belongs.
    fn spell_out(&mut self) {}

    /// Whether it expects nothing at all.
    fn is_empty(&self) -> bool;
}

/// The case files of a folder, in order of their names. A folder that is not there has none.
pub(super) fn read_folder<C: Checked>(folder: &Path) -> Result<Vec<CaseFile<C>>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.into_iter().map(|file| Ok((read(&file)?, file))).map(|read| read.map(|(cases, file)| (file, cases))).collect()
}

/// The cases of a file: an array of them, or a single one.
fn read<C: Checked>(file: &Path) -> Result<Vec<C>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let is_array = text.trim_start().starts_with('[');
    let parsed =
        if is_array { serde_json::from_str(&text) } else { serde_json::from_str(&text).map(|case| vec![case]) };
    let mut cases: Vec<C> = parsed.with_context(|| format!("{} holds no cases", file.display()))?;
    cases.iter_mut().for_each(Checked::spell_out);
    if let Some(index) = cases.iter().position(Checked::is_empty) {
        bail!("case {} of {} expects nothing: give it an `expect`", index + 1, file.display());
    }
    Ok(cases)
}
