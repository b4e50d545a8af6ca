//! The operations of a sink, each by the requests that it takes.

use sink_kit::{Call, Piece, encode, read_in_pieces};
use warbler_sdk::Failure;
use warbler_sdk::http::{Request, Response};

use crate::config::Config;
use crate::sign::{Keys, Signing, payload_hash};
use crate::{fault, now, xml};

/// A store and the keys to it, for one call.
pub(crate) struct Store<'a> {
    pub(crate) config: &'a Config,
    keys: Keys,
    pub(crate) call: Call,
}

/// A request as it is signed.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'static str,
    /// The object; `None` for the bucket.
    pub(crate) name: Option<&'a str>,
    /// Names and values, not encoded.
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) range: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Ask<'a> {
    /// About the object `name`, without a query or a body.
    pub(crate) fn object(method: &'static str, name: &'a str) -> Self {
        Self { method, name: Some(name), query: &[], range: None, body: &[] }
    }
}

impl<'a> Store<'a> {
    pub(crate) fn new(config: &'a Config, keys: Keys) -> Self {
        Self { config, keys, call: Call::start() }
    }

    /// Keeps a blob: a small one with one request, which S3 does whole or not at all.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > self.config.part_size {
            return self.put_in_parts(name, bytes);
        }
        let response = self.send(&Ask { body: bytes, ..Ask::object("PUT", name) })?;
        if response.status == 200 { Ok(()) } else { Err(fault::read(&response)) }
    }

    /// Reads a part of a blob.
    pub(crate) fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        read_in_pieces(offset, length, |range, offset, length| {
            let response = self.send(&Ask { range: Some(range), ..Ask::object("GET", name) })?;
            // A missing bucket must not look like a missing blob: the host would take a backup for gone.
            if response.status == 404 && xml::error(&response.body).code != "NoSuchKey" {
                return Err(fault::read(&response));
            }
            let failure = fault::read(&response);
            Piece::read(response, offset, length).unwrap_or(Err(failure))
        })
    }

    /// Removes a blob. Stores answer alike whether it was there.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Failure> {
        let response = self.send(&Ask::object("DELETE", name))?;
        let gone = response.status == 404 && xml::error(&response.body).code == "NoSuchKey";
        if gone || matches!(response.status, 200 | 204) { Ok(()) } else { Err(fault::read(&response)) }
    }

    /// Signs a request and sends it, and signs it anew for every further attempt.
    pub(crate) fn send(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        let hash = payload_hash(ask.body);
        self.call.send(|| self.request(ask, &hash))
    }

    /// The signed request.
    pub(crate) fn request(&self, ask: &Ask<'_>, payload_hash: &str) -> Request {
        let Config { endpoint, bucket_path, prefix, .. } = self.config;
        let path = match ask.name {
            Some(name) => format!("{bucket_path}/{}", encode_path(&prefix.join(name))),
            None if bucket_path.is_empty() => "/".to_owned(),
            None => bucket_path.clone(),
        };
        let query: Vec<(String, String)> =
            ask.query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
        let range = ask.range.map(|range| ("range", range.to_owned()));
        let signing = Signing {
            method: ask.method,
            path: &path,
            query: &query,
            host: &endpoint.authority(),
            headers: range.as_slice(),
            payload_hash,
            region: &self.config.region,
            at: &now(),
        };
        let headers = signing.sign(&self.keys);
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let question = if query.is_empty() { "" } else { "?" };
        let mut request = Request::new(ask.method, endpoint.url(&format!("{path}{question}{query}"))).body(ask.body);
        request.headers = headers;
        request
    }
}

/// A key as it stands in a path: encoded, but for its slashes.
fn encode_path(key: &str) -> String {
    key.split('/').map(encode).collect::<Vec<_>>().join("/")
}
