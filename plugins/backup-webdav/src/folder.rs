//! Folders of the server: what is in one, and making those that are missing.

use percent_encoding::percent_decode_str;
use warbler_sdk::Failure;

use crate::fault;
use crate::multistatus::{Entry, parse};
use crate::server::Server;

/// What is asked about a file: no more, because a folder of thousands has to fit into one answer.
const PROPERTIES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/></prop></propfind>";

impl Server<'_> {
    /// The file or folder at `path`; `None` if there is none.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Entry>, Failure> {
        let own = self.absolute(path)?;
        let entries = self.ask(path, "0")?;
        Ok(entries.and_then(|entries| entries.into_iter().find(|entry| entry.path == own)))
    }

    /// What is directly in the folder at `path`, as names; `None` if there is no such folder.
    pub(crate) fn read_folder(&self, path: &str) -> Result<Option<Vec<(String, Entry)>>, Failure> {
        let own = self.absolute(path)?;
        let below = format!("{}/", own.trim_end_matches('/'));
        let Some(entries) = self.ask(path, "1")? else { return Ok(None) };
        let mut named = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.path != own) {
            let name = entry.path.strip_prefix(&below).filter(|name| !name.contains('/'));
            // Were it left out, a server behind a proxy that rewrites paths would seem to be empty.
            let Some(name) = name else {
                let text = format!("the server lists {:?} as being in {own:?}; check `endpoint`", entry.path);
                return Err(Failure::Misconfigured(text));
            };
            named.push((name.to_owned(), entry));
        }
        Ok(Some(named))
    }

    /// Makes the folders in which `path` stands, as far as they are missing.
    pub(crate) fn make_folders(&self, path: &str) -> Result<(), Failure> {
        for (slash, _) in path.match_indices('/') {
            let folder = path.get(..=slash).unwrap_or_default();
            let response = self.send("MKCOL", folder, &[])?;
            // 405: it is there already (RFC 4918, section 9.3.1).
            if !matches!(response.status, 200 | 201 | 204 | 405) {
                return Err(fault::read("MKCOL", &response));
            }
        }
        Ok(())
    }

    fn ask(&self, path: &str, depth: &str) -> Result<Option<Vec<Entry>>, Failure> {
        let response = self.call.send(|| {
            let request = self.request("PROPFIND", path).header("depth", depth);
            request.header("content-type", "application/xml").body(PROPERTIES)
        })?;
        match response.status {
            404 => Ok(None),
            // A list that was cut off must not pass for the whole.
            207 => parse(&response.body).map(Some).ok_or(Failure::Unavailable(1_000)),
            _ => Err(fault::read("PROPFIND", &response)),
        }
    }

    /// `path` as the server names it: decoded, absolute, without a slash at its end.
    fn absolute(&self, path: &str) -> Result<String, Failure> {
        let base = percent_decode_str(self.config.endpoint.path()).decode_utf8();
        let base = base.map_err(|_| Failure::Misconfigured("the path of `endpoint` is not in UTF-8".into()))?;
        let joined = format!("{}/{path}", base.trim_matches('/'));
        Ok(format!("/{}", joined.trim_matches('/')))
    }
}
