//! Base64, hexadecimal digits, and forms.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Base64 as URLs can hold it, without padding (RFC 4648, section 5).
#[must_use]
pub fn base64_url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Base64 (RFC 4648, section 4).
#[must_use]
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of `text` in either alphabet, padded or not: libraries differ in what they write.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.trim_end_matches('=').chars().map(url_alphabet).collect();
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn url_alphabet(digit: char) -> char {
    match digit {
        '+' => '-',
        '/' => '_',
        other => other,
    }
}

/// Hexadecimal digits in lower case.
#[must_use]
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// `text` with everything but letters, digits and `-._~` percent-encoded (RFC 3986): what signatures of
/// cloud providers want, and fit for any part of a URL.
#[must_use]
pub fn percent(text: &str) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    encoded
}

/// The fields of a form, or the query of a URL.
#[must_use]
pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    fields.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_both_alphabets_with_and_without_padding() {
        for text in ["_-8", "/+8=", "_-8=", "/+8"] {
            assert_eq!(from_base64(text), Some(vec![0xff, 0xef]), "{text}");
        }
        assert_eq!(from_base64("a b"), None);
    }

    #[test]
    fn a_form_keeps_every_character() {
        assert_eq!(form([("名", "a&b=c d"), ("x", "~")]), "%E5%90%8D=a%26b%3Dc%20d&x=~");
        assert_eq!(hex([0, 0xab]), "00ab");
    }
}
