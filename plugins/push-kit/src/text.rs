//! Texts within the lengths that providers allow, cut between characters, and texts from templates.

use warbler_sdk::Notification;

/// The greatest number that the icons of Android and `HarmonyOS` show. Huawei, Honor and `JPush` take none above it
/// (from memory).
pub const MOST_BADGE: u32 = 99;

/// What stands below the title. Where contents are kept out of notifications there is nothing, and
/// providers that refuse an empty text get the title.
#[must_use]
pub fn body_or_title(notification: &Notification) -> &str {
    if notification.body.is_empty() { &notification.title } else { &notification.body }
}

/// `template` with `{title}`, `{body}`, `{code}` (the first four to eight digits in a row), `{badge}`,
/// `{id}` and `{conversation}` filled in. Braces around anything else stay.
#[must_use]
pub fn fill(template: &str, notification: &Notification) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| Some((field(name, notification)?, after)));
        rest = if let Some((value, after)) = known {
            filled.push_str(&value);
            after
        } else {
            filled.push('{');
            after
        };
    }
    filled.push_str(rest);
    filled
}

fn field(name: &str, notification: &Notification) -> Option<String> {
    Some(match name {
        "title" => notification.title.clone(),
        "body" => body_or_title(notification).to_owned(),
        "code" => code(&notification.body).unwrap_or_default().to_owned(),
        "badge" => notification.badge.to_string(),
        "id" => notification.id.clone(),
        "conversation" => notification.conversation.clone(),
        _ => return None,
    })
}

/// The first four to eight digits in a row: the one-time code in a text.
#[must_use]
pub fn code(text: &str) -> Option<&str> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    let mut codes = runs.filter(|run| (4..=8).contains(&run.len()));
    codes.next()
}

/// The beginning of `text`, at most `bytes` long.
#[must_use]
pub fn shorten(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// `text` within `bytes`; where something had to be left out, an ellipsis says so.
#[must_use]
pub fn fit(text: &str, bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() <= bytes {
        return text.to_owned();
    }
    match bytes.checked_sub(ELLIPSIS.len_utf8()) {
        Some(room) => format!("{}{ELLIPSIS}", shorten(text, room).trim_end()),
        None => shorten(text, bytes).to_owned(),
    }
}

/// `text` within so many characters, for vendors that count them.
#[must_use]
pub fn fit_chars(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Shortens `text` until what `encode` makes of it is at most `limit` bytes long, and gives that. If it
/// is too long even without the text, the encoding without it is given.
pub fn fit_encoded(text: &str, limit: usize, encode: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let whole = encode(text);
    if whole.len() <= limit {
        return whole;
    }
    // Escapes make a character longer than it is, so the length is found by halving.
    let (mut fits, mut room) = (0, text.len());
    while fits < room {
        let middle = (fits + room).div_ceil(2);
        if encode(&fit(text, middle)).len() <= limit {
            fits = middle;
        } else {
            room = middle - 1;
        }
    }
    encode(&fit(text, fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_template_takes_the_code_out_of_the_text_and_keeps_foreign_braces() {
        let mut notification = testing::notification("sms", "\"+8613800000000\"");
        notification.body = "验证码 123456，10 分钟内有效 {badge}".to_owned();
        assert_eq!(fill("{code} {nothing} {", &notification), "123456 {nothing} {");
        assert_eq!(fill("{body}", &notification), notification.body);
        notification.body.clear();
        assert_eq!(fill("{body}{code}", &notification), notification.title);
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(fit("你好世界", 12), "你好世界");
        assert_eq!(fit("你好世界", 11), "你好…");
        assert_eq!(fit("你好世界", 2), "");
        assert_eq!(fit_chars("你好世界", 3), "你好…");
        assert_eq!(fit_chars("你好世界", 4), "你好世界");
    }

    #[test]
    fn a_text_is_shortened_until_its_encoding_fits() {
        let encode = |text: &str| serde_json::json!({"body": text}).to_string().into_bytes();
        for limit in [11, 20, 64, 500] {
            let encoded = fit_encoded(&"引\"号".repeat(100), limit, encode);
            assert!(encoded.len() <= limit.max(11), "{limit}: {}", encoded.len());
            assert!(serde_json::from_slice::<serde_json::Value>(&encoded).is_ok());
        }
    }
}
