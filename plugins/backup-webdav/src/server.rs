//! A server and its requests: addresses below the prefix, and who asks.

use sink_kit::{Call, Piece, encode, read_in_pieces};
use warbler_sdk::Failure;
use warbler_sdk::http::{Request, Response};

use crate::config::Config;
use crate::fault;

/// A server, for one call.
pub(crate) struct Server<'a> {
    pub(crate) config: &'a Config,
    /// The header `authorization`. It may hold a password, and so has no `Debug`.
    authorization: Option<String>,
    pub(crate) call: Call,
}

impl<'a> Server<'a> {
    pub(crate) fn new(config: &'a Config, authorization: Option<String>) -> Self {
        Self { config, authorization, call: Call::start() }
    }

    /// The address of `path`, which is below the folder on the server and not encoded.
    pub(crate) fn url(&self, path: &str) -> String {
        let encoded = path.split('/').map(encode).collect::<Vec<_>>().join("/");
        self.config.endpoint.url(&format!("{}/{encoded}", self.config.endpoint.path()))
    }

    /// A request about `path`, which is below the folder on the server.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, self.url(path));
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// The same, sent, with more headers.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response, Failure> {
        self.call.send(|| {
            let request = self.request(method, path);
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        })
    }

    /// Reads a part of a blob.
    pub(crate) fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.config.prefix.join(name);
        read_in_pieces(offset, length, |range, offset, length| {
            let response = self.send("GET", &path, &[("range", range)])?;
            // Servers answer for folders too, with a page for people. It must not pass for a blob.
            if response.status == 200 && self.find(&path)?.is_none_or(|found| found.folder) {
                return Ok(Piece::Missing);
            }
            let failure = fault::read("GET", &response);
            Piece::read(response, offset, length).unwrap_or(Err(failure))
        })
    }

    /// Removes a blob. A folder is none: a server would remove all that is in it.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Failure> {
        let path = self.config.prefix.join(name);
        if self.find(&path)?.is_none_or(|found| found.folder) {
            return Ok(());
        }
        let response = self.send("DELETE", &path, &[])?;
        if matches!(response.status, 200 | 204 | 404) { Ok(()) } else { Err(fault::read("DELETE", &response)) }
    }
}
