//! Uploads: to a name of their own first, and from there to their place in one step.

use warbler_sdk::{Failure, system};

use crate::config::UPLOADS;
use crate::fault;
use crate::server::Server;

/// What an upload is called after the moment of its start: nobody else's is called so.
const RANDOM_BYTES: u32 = 8;
/// After so many milliseconds an upload that is still there was left behind by a host that stopped.
const STALE_MS: u64 = 24 * 60 * 60 * 1_000;

impl Server<'_> {
    /// Keeps a blob.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let random = system::random(RANDOM_BYTES);
        let random = random.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let upload = self.config.prefix.join(&format!("{UPLOADS}/{}-{random}", system::now()));
        let kept = self.upload(&upload, bytes).and_then(|()| self.bring(&upload, name, bytes.len() as u64));
        if kept.is_err() {
            self.call.clean_up(self.request("DELETE", &upload));
        }
        kept
    }

    fn upload(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let send = || self.call.send(|| self.request("PUT", path).body(bytes));
        let mut response = send()?;
        // Servers say in different ways that the folder is missing.
        if matches!(response.status, 403 | 404 | 409) {
            self.make_folders(path)?;
            response = send()?;
        }
        if matches!(response.status, 200 | 201 | 204) { Ok(()) } else { Err(fault::read("PUT", &response)) }
    }

    /// Moves a whole upload to its place.
    fn bring(&self, upload: &str, name: &str, length: u64) -> Result<(), Failure> {
        let path = self.config.prefix.join(name);
        let destination = self.url(&path);
        let mut overwrite = "F";
        let mut folders = false;
        loop {
            let response = self.send("MOVE", upload, &[("destination", &destination), ("overwrite", overwrite)])?;
            match response.status {
                200 | 201 | 204 => return Ok(()),
                403 | 409 if !folders => {
                    folders = true;
                    self.make_folders(&path)?;
                }
                // Something is there. A blob may be replaced; a folder would be lost with all that is in it.
                412 if overwrite == "F" => {
                    if self.find(&path)?.is_some_and(|found| found.folder) {
                        let text = format!("the name {name:?} is that of a folder with other blobs");
                        return Err(Failure::Unsupported(text));
                    }
                    overwrite = "T";
                }
                // An earlier attempt may have got through without its answer getting back.
                404 => {
                    let found = self.find(&path)?;
                    let whole = found.is_some_and(|found| !found.folder && found.size == Some(length));
                    return if whole { Ok(()) } else { Err(Failure::Unavailable(1_000)) };
                }
                _ => return Err(fault::read("MOVE", &response)),
            }
        }
    }

    /// Removes uploads that a host left behind when it stopped in the middle.
    pub(crate) fn sweep(&self) -> Result<(), Failure> {
        let folder = self.config.prefix.join(&format!("{UPLOADS}/"));
        let now = system::now();
        for (name, entry) in self.read_folder(&folder)?.unwrap_or_default() {
            let begun = name.split('-').next().and_then(|millis| millis.parse::<u64>().ok());
            if !entry.folder && begun.is_some_and(|begun| now.saturating_sub(begun) > STALE_MS) {
                self.call.clean_up(self.request("DELETE", &format!("{folder}{name}")));
            }
        }
        Ok(())
    }
}
