//! Lists of a folder's blobs, in the order of whole names, reading no more folders than it takes.

use std::fs;
use std::io;
use std::path::Path;

use warbler_domain::BlobEntry;

use super::{UPLOADS, is_absent};

/// What is looked for.
struct Search<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    found: Vec<BlobEntry>,
}

/// Blobs below `root` that start with `prefix`, after `after`, at most `limit`.
pub(super) fn list(root: &Path, prefix: &str, after: Option<&str>, limit: usize) -> io::Result<Vec<BlobEntry>> {
    let mut search = Search { root, prefix, after: after.unwrap_or_default(), limit, found: Vec::new() };
    search.walk("")?;
    Ok(search.found)
}

impl Search<'_> {
    /// Goes through a folder, whose name is empty or ends with a slash.
    fn walk(&mut self, folder: &str) -> io::Result<()> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Err(error) if is_absent(&error) => return Ok(()),
            entries => entries?,
        };
        // A folder sorts as the names in it do: with its slash.
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            // What is no text was put there by somebody else.
            let Ok(name) = entry.file_name().into_string() else { continue };
            match entry.file_type()? {
                kind if kind.is_dir() => names.push(format!("{folder}{name}/")),
                kind if kind.is_file() => names.push(format!("{folder}{name}")),
                _ => {}
            }
        }
        names.sort();
        for name in names {
            if self.found.len() >= self.limit {
                break;
            }
            if name.ends_with('/') {
                let uploads = name.strip_suffix('/') == Some(UPLOADS);
                if !uploads && self.may_be_in(&name) {
                    self.walk(&name)?;
                }
            } else if name.starts_with(self.prefix) && *name > *self.after && super::name::check(&name).is_ok() {
                match fs::metadata(self.root.join(&name)) {
                    // It was deleted meanwhile.
                    Err(error) if is_absent(&error) => {}
                    about => self.found.push(BlobEntry { name, size: about?.len() }),
                }
            }
        }
        Ok(())
    }

    /// Whether a name that starts with `folder` can be among those looked for.
    fn may_be_in(&self, folder: &str) -> bool {
        let in_prefix = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        in_prefix && (folder > self.after || self.after.starts_with(folder))
    }
}
