//! What of a call goes into the audit log: its JSON without secrets, cut where it is long.

use serde_json::Value;

/// The longest trace of arguments or of a result, in bytes.
const LONGEST: usize = 2_048;

/// Names of fields whose values are secret more often than not.
const SECRET: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "authorization",
    "credential",
    "cookie",
    "privatekey",
    "accesskey",
];

/// The text as it is kept.
pub(super) fn cut(text: &str) -> String {
    let text = match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            hide(&mut value);
            value.to_string()
        }
        Err(_) => text.to_owned(),
    };
    if text.len() <= LONGEST {
        return text;
    }
    format!("{}…", text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default())
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name) && !value.is_null() {
                    *value = Value::from("[cut]");
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        // Tools answer with JSON in a string, too.
        Value::String(text) => {
            if let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                hide(&mut inner);
                *text = inner.to_string();
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET.iter().any(|secret| plain.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_wherever_they_stand() {
        let kept =
            cut(r#"{"city":"Paris","api_key":"k1","nested":[{"Access-Token":"k2"}],"text":"{\"password\":\"k3\"}"}"#);
        assert!(kept.contains("Paris") && kept.contains("[cut]"));
        for secret in ["k1", "k2", "k3"] {
            assert!(!kept.contains(secret), "{kept}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let kept = cut(&"好".repeat(2_000));
        assert!(kept.len() <= LONGEST + '…'.len_utf8());
    }
}
