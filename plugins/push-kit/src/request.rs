//! Requests as vendors want them, and the parts of responses.

use serde::de::DeserializeOwned;
use warbler_sdk::http::{Request, Response};

use crate::encode;

/// A POST of JSON.
#[must_use]
pub fn json(url: &str, body: &serde_json::Value) -> Request {
    json_bytes(url, body.to_string().into_bytes())
}

/// A POST of bytes that are JSON.
#[must_use]
pub fn json_bytes(url: &str, body: Vec<u8>) -> Request {
    Request::new("POST", url).header("content-type", "application/json; charset=utf-8").body(body)
}

/// A POST of a form.
#[must_use]
pub fn form(url: &str, fields: &[(&str, &str)]) -> Request {
    let body = encode::form(fields.iter().copied());
    Request::new("POST", url).header("content-type", "application/x-www-form-urlencoded; charset=utf-8").body(body)
}

/// The first value of the header called `name`.
#[must_use]
pub fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The body as JSON of a known shape.
#[must_use]
pub fn read<T: DeserializeOwned>(response: &Response) -> Option<T> {
    serde_json::from_slice(&response.body).ok()
}
