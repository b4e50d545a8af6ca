//! The addresses that clients register: JSON, either a bare string or an object with a field for it.

use serde_json::Value;

use crate::Answer;

/// The greatest length of a token, in bytes. The longest known ones (FCM's) have a few hundred.
const MOST: usize = 4_096;

/// The token in `address`: `"abc"`, or `{"token": "abc"}` under any of the names in `fields`.
///
/// # Errors
/// It is none: rejected, with a sentence that does not repeat it.
pub fn token(address: &str, fields: &[&str]) -> Result<String, Answer> {
    let found = match serde_json::from_str(address) {
        Ok(Value::String(token)) => Some(token),
        Ok(Value::Object(object)) => {
            fields.iter().find_map(|field| object.get(*field)).and_then(Value::as_str).map(ToOwned::to_owned)
        }
        _ => None,
    };
    let token = found.map(|token| token.trim().to_owned());
    match token {
        Some(token) if !token.is_empty() && token.len() <= MOST && !token.contains(char::is_control) => Ok(token),
        _ => Err(wrong(&format!("a JSON string, or an object with `{}`", fields.join("` or `")))),
    }
}

/// What is said of an address that is not as it should be.
#[must_use]
pub fn wrong(should_be: &str) -> Answer {
    Answer::Rejected(format!("the address is not {should_be}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_bare_or_in_its_field() {
        assert_eq!(token(r#""abc""#, &["token"]), Ok("abc".to_owned()));
        assert_eq!(token(r#"{"reg": " abc "}"#, &["token", "reg"]), Ok("abc".to_owned()));
        for wrong in ["", "abc", r#""""#, r#""a\u0000b""#, "{}", r#"{"token": 1}"#] {
            assert!(matches!(token(wrong, &["token"]), Err(Answer::Rejected(_))), "{wrong}");
        }
    }
}
