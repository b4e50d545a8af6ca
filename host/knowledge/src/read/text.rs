//! Plain text, and the encodings of all that is text.

use encoding_rs::{Encoding, GB18030, UTF_8};
use warbler_domain::KnowledgeError;

use crate::read::{Section, unreadable};

/// The text of `bytes`: in the encoding that the media type names, that a byte order mark shows, in UTF-8, or in
/// GB 18030, in which Chinese texts without a name most likely are.
///
/// # Errors
/// `Unreadable`, if it is none of them.
pub(crate) fn decode(media_type: &str, bytes: &[u8]) -> Result<String, KnowledgeError> {
    let named = named(media_type).map(|name| Encoding::for_label(name.as_bytes()).ok_or(name));
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let candidates = match (marked, named) {
        (Some(marked), _) => vec![marked],
        (None, Some(Ok(named))) => vec![named],
        (None, Some(Err(name))) => return Err(unreadable(&format!("there is no encoding {name:?}"))),
        (None, None) => vec![UTF_8, GB18030],
    };
    for encoding in candidates {
        let (text, _, broken) = encoding.decode(bytes);
        // Control characters mean that it is no text, whatever the letters around them.
        if !broken && !text.contains('\0') {
            return Ok(text.into_owned());
        }
    }
    Err(unreadable("it is no text in UTF-8, UTF-16 or GB 18030"))
}

fn named(media_type: &str) -> Option<&str> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.map(|(_, value)| value.trim().trim_matches('"'))
}

/// All of it, without a place.
pub(crate) fn sections(text: String) -> Vec<Section> {
    vec![Section { place: String::new(), text }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_read_in_the_encodings_that_files_have() {
        let text = "退款政策：七天无理由。";
        let (gb, _, _) = GB18030.encode(text);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode("text/plain", text.as_bytes()).unwrap(), text);
        assert_eq!(decode("text/plain", &gb).unwrap(), text);
        assert_eq!(decode("text/plain; charset=\"GBK\"", &gb).unwrap(), text);
        assert_eq!(decode("text/plain", &utf16).unwrap(), text);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(decode("text/plain", &[0, 1, 2, 3]).is_err());
        assert!(decode("text/plain; charset=utf-8", &[0xff, 0xff, b'a']).is_err());
        assert!(decode("text/plain; charset=klingon", b"a").is_err());
    }
}
