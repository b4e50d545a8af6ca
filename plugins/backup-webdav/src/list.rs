//! Lists: folder by folder, in the order of whole names, and no further than asked.

use sink_kit::PAGE;
use warbler_sdk::{BlobInfo, Failure};

use crate::config::UPLOADS;
use crate::server::Server;

/// What is looked for.
struct Search<'a> {
    prefix: &'a str,
    after: &'a str,
    blobs: Vec<BlobInfo>,
}

impl Search<'_> {
    /// Whether a name that starts with `folder`, which ends with a slash, can be among those looked for.
    fn may_be_in(&self, folder: &str) -> bool {
        let in_prefix = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        in_prefix && (folder > self.after || self.after.starts_with(folder))
    }

    fn is_full(&self) -> bool {
        self.blobs.len() >= PAGE
    }
}

impl Server<'_> {
    /// Blobs that start with `prefix`, after `after`, in byte order.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        let mut search = Search { prefix, after: after.unwrap_or_default(), blobs: Vec::new() };
        if !self.walk("", &mut search)? {
            // Nothing was kept yet; but if not even the server's folder is there, all may be gone.
            match self.find("")? {
                Some(found) if found.folder => {}
                _ => return Err(Failure::Misconfigured("there is no such folder; check `endpoint`".into())),
            }
        }
        if prefix.is_empty() && after.is_none() {
            self.sweep()?;
        }
        Ok(search.blobs)
    }

    /// Goes through a folder: its name is empty, or ends with a slash. Whether it is there.
    fn walk(&self, folder: &str, search: &mut Search<'_>) -> Result<bool, Failure> {
        let Some(entries) = self.read_folder(&self.config.prefix.join(folder))? else { return Ok(false) };
        // A folder sorts as the names in it do: with its slash, which is less than a letter and more than
        // a dot.
        let mut named: Vec<(String, Option<u64>)> = Vec::new();
        for (name, entry) in entries {
            match (entry.folder, entry.size) {
                (true, _) => named.push((format!("{folder}{name}/"), None)),
                (false, Some(size)) => named.push((format!("{folder}{name}"), Some(size))),
                (false, None) => {
                    return Err(Failure::Misconfigured(format!("the server does not tell the length of {name:?}")));
                }
            }
        }
        named.sort();
        for (name, size) in named {
            if search.is_full() {
                break;
            }
            match size {
                None if name.strip_suffix('/') == Some(UPLOADS) => {}
                None if search.may_be_in(&name) => {
                    self.walk(&name, search)?;
                }
                // What has another kind of name was put there by somebody else.
                Some(size)
                    if name.starts_with(search.prefix) && &*name > search.after && sink_kit::check(&name).is_ok() =>
                {
                    search.blobs.push(BlobInfo { name, size });
                }
                _ => {}
            }
        }
        Ok(true)
    }
}
