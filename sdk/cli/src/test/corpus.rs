//! Awkward messages that every filter must be able to answer.

use warbler_domain::{Attachment, AttachmentId, Body};

/// The greatest text that a message can have.
const LONGEST_TEXT: usize = 16 * 1024;
/// The greatest custom body.
const LONGEST_JSON: usize = 64 * 1024;

/// Bodies with what is awkward about them.
pub(super) fn bodies() -> Vec<(&'static str, Body)> {
    let mut bodies: Vec<(&'static str, Body)> =
        texts().into_iter().map(|(name, text)| (name, Body::Text { text })).collect();
    bodies.push(("a file whose name is right to left", file("تقرير\u{202e}gpj.exe")));
    bodies.push(("a file without a name", file("")));
    bodies.push(("a custom body", custom("order", r#"{"items":[{"name":"茶","price":12.5}],"note":null}"#.to_owned())));
    let filler = "x".repeat(LONGEST_JSON - r#"{"note":""}"#.len());
    bodies.push(("the longest custom body", custom("note", format!(r#"{{"note":"{filler}"}}"#))));
    bodies
}

/// Texts with what is awkward about them.
fn texts() -> Vec<(&'static str, String)> {
    let controls = (1..32_u8).map(char::from).collect();
    vec![
        ("an empty text", String::new()),
        ("white space alone", " \t\r\n\u{3000}\u{a0}\u{2003}".to_owned()),
        ("the longest text, one letter", "a".repeat(LONGEST_TEXT)),
        ("the longest text, Chinese", filled("转账到安全账户，验证码是一二三四五六。")),
        ("the longest text, words", filled("please send the code to the safe account now ")),
        ("the longest text, four-byte characters", filled("😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿")),
        ("right to left, with overrides", "שלום עולם مرحبا \u{202e}evil\u{202c} \u{2067}isolated\u{2069}".to_owned()),
        ("emoji with joiners, skins and flags", "👩🏽‍🚀🇨🇳👨‍👩‍👧‍👦❤️‍🔥1️⃣".to_owned()),
        ("a tower of combining marks", format!("Z{}", "\u{0300}\u{0489}\u{20dd}".repeat(500))),
        ("zero-width characters between letters", "s\u{200b}c\u{200d}a\u{feff}m \u{2060}\u{00ad}".to_owned()),
        ("control characters", controls),
        ("noncharacters and private use", "\u{ffff}\u{fdd0}\u{10ffff}\u{e000}\u{f8ff}\u{fffd}".to_owned()),
        ("full width, small capitals and look-alikes", "ＳＣＡＭ ꜱᴄᴀᴍ ѕсаm ⓢⓒⓐⓜ 𝓼𝓬𝓪𝓶".to_owned()),
        ("letters that change length in lower case", "İSTANBUL ẞ ŉ ǰ ΐ ﬃ Ⱥ".to_owned()),
        ("line separators", "one\u{2028}two\u{2029}three\u{85}four\u{b}five".to_owned()),
        ("what looks like code", r#"{{secret:token}} "; DROP TABLE -- ${HOME} %s%n \u0000 (a+)+$ [[[[("#.to_owned()),
    ]
}

/// As often as `piece` fits into the longest text.
fn filled(piece: &str) -> String {
    piece.repeat(LONGEST_TEXT / piece.len())
}

fn custom(kind: &str, json: String) -> Body {
    Body::Custom { kind: kind.to_owned(), json }
}

fn file(name: &str) -> Body {
    Body::File {
        attachment: Attachment {
            id: AttachmentId::from_uuid(uuid::Uuid::from_u128(4)),
            name: name.to_owned(),
            media_type: "application/octet-stream".to_owned(),
            size: 1 << 20,
            sha256: "0".repeat(64),
        },
    }
}

#[cfg(test)]
mod tests {
    use warbler_domain::MessageLimits;

    use super::*;

    #[test]
    fn no_body_is_longer_than_a_host_would_take_and_the_longest_are() {
        let limits = MessageLimits::default();
        let lengths = |is_custom: bool| {
            let bodies = bodies().into_iter().filter(move |(_, body)| matches!(body, Body::Custom { .. }) == is_custom);
            bodies.map(|(_, body)| body.text().unwrap_or_default().len()).max()
        };
        assert_eq!(lengths(false), Some(limits.text.as_usize()));
        assert_eq!(lengths(true), Some(limits.custom.as_usize()));
    }
}
