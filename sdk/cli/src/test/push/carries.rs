//! Whether requests carry a text, however their bodies write it.

use serde_json::Value;

use crate::test::server::Asked;

/// Whether one of the requests has `text` in its URL or body: as it is, in JSON, or percent-encoded. A body
/// that is no text is sealed for the device, and nobody on the way can tell.
pub(super) fn carries(asked: &[Asked], text: &str) -> bool {
    asked.iter().any(|asked| match std::str::from_utf8(&asked.body) {
        Ok(body) => body_carries(body, text) || decoded(&asked.path).contains(text),
        Err(_) => true,
    })
}

fn body_carries(body: &str, text: &str) -> bool {
    let in_json = |value: &Value| leaves(value).iter().any(|leaf| leaf.contains(text));
    body.contains(text)
        || decoded(body).contains(text)
        || serde_json::from_str(body).is_ok_and(|value| in_json(&value))
        || decoded(body).split('&').any(|field| field_carries(field, text))
}

/// A field of a form that is JSON itself.
fn field_carries(field: &str, text: &str) -> bool {
    let json = field.split_once('=').and_then(|(_, value)| serde_json::from_str::<Value>(value).ok());
    json.is_some_and(|value| leaves(&value).iter().any(|leaf| leaf.contains(text)))
}

/// The texts in a value, at any depth.
pub(super) fn leaves(value: &Value) -> Vec<String> {
    match value {
        // An address is often JSON in a text.
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::String(_) | Value::Object(_) | Value::Array(_))) => leaves(&inner),
            _ => vec![text.clone()],
        },
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// A form's text without its percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = escaped.map_or(after, |_| after.get(2..).unwrap_or_default());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn asked(path: &str, body: &'static [u8]) -> [Asked; 1] {
        let (method, path) = ("POST".to_owned(), path.to_owned());
        [Asked { method, path, headers: Vec::new(), body: Bytes::from_static(body) }]
    }

    #[test]
    fn a_text_is_found_however_it_is_written() {
        for body in [
            "你好 x".as_bytes(),
            br#"{"a": ["\u4f60\u597d x"]}"#,
            b"text=%E4%BD%A0%E5%A5%BD+x&to=1",
            br"message=%7B%22a%22%3A%22\u4f60\u597d x%22%7D",
            b"\xff\xfe sealed",
        ] {
            assert!(carries(&asked("/", body), "你好 x"), "{body:?}");
        }
        assert!(carries(&asked("/?t=%E4%BD%A0%E5%A5%BD%20x", b""), "你好 x"));
        assert!(!carries(&asked("/", b"?? x"), "你好 x"));
    }
}
