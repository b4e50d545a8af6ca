//! What notifications say: one catalogue of the host's own words in each language, and texts cut to a
//! sensible length. What of a message may be told at all is the tenant's policy.

use warbler_domain::Body;

/// Longest title and text, in characters. Lock screens show some 50 and 180 of them; vendors take at least
/// these (OPPO: 50 and 200), and 400 characters of Chinese stay well below the 4 KiB of APNs and Web Push.
const TITLE: usize = 50;
const TEXT: usize = 180;

/// A language that the host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The one nearest to a BCP 47 tag; English for those that the host does not speak.
    pub(super) fn of(tag: &str) -> Self {
        let primary = tag.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The tag that providers are given for those who chose none.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

/// Something that the host says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    NewMessage,
    Mention,
    Photo,
    Video,
    Audio,
    File,
    Custom,
    Somebody,
    Code,
    Test,
    TestText,
}

impl Phrase {
    pub(super) const fn text(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::NewMessage => ("New message", "新消息"),
            Self::Mention => ("You were mentioned", "有人提到了你"),
            Self::Photo => ("[Photo]", "[图片]"),
            Self::Video => ("[Video]", "[视频]"),
            Self::Audio => ("[Voice]", "[语音]"),
            Self::File => ("[File]", "[文件]"),
            Self::Custom => ("[Message]", "[消息]"),
            Self::Somebody => ("Somebody", "有人"),
            Self::Code => ("Sign-in code", "登录验证码"),
            Self::Test => ("Test notification", "测试通知"),
            Self::TestText => ("Notifications reach this device.", "此设备可以收到通知。"),
        };
        match language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

/// The text of a one-time code, valid for `minutes`.
pub(super) fn code(language: Language, code: &str, minutes: u64) -> String {
    match language {
        Language::English => {
            format!("Your code is {code}. It is valid for {minutes} minutes. Tell it to nobody.")
        }
        Language::Chinese => format!("您的验证码是 {code}，{minutes} 分钟内有效，请勿告知他人。"),
    }
}

/// The first line: who wrote, and where if it is not between the two of them.
pub(super) fn title(sender: &str, conversation: &str) -> String {
    if conversation.is_empty() { cut(sender, TITLE) } else { cut(&format!("{sender} · {conversation}"), TITLE) }
}

/// A message in a line.
pub(super) fn summary(body: &Body, language: Language) -> String {
    match body {
        Body::Text { text } => cut(text, TEXT),
        Body::File { attachment } => {
            let kind = match attachment.media_type.split('/').next().unwrap_or_default() {
                "image" => Phrase::Photo,
                "video" => Phrase::Video,
                "audio" => Phrase::Audio,
                _ => Phrase::File,
            };
            // The name of a photograph says nothing to anybody.
            if kind == Phrase::File {
                cut(&format!("{} {}", kind.text(language), attachment.name), TEXT)
            } else {
                kind.text(language).to_owned()
            }
        }
        Body::Custom { .. } => Phrase::Custom.text(language).to_owned(),
    }
}

/// One line of at most `most` characters; an ellipsis tells that there is more.
fn cut(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(most * 4));
    let (mut count, mut space) = (0, false);
    for c in text.trim().chars() {
        if c.is_whitespace() || c.is_control() {
            space = true;
            continue;
        }
        // One place is kept for the ellipsis, in case that there is more.
        let needed = usize::from(space && count > 0) + 1;
        if count + needed > most {
            line.pop();
            line.push('…');
            return line;
        }
        if needed == 2 {
            line.push(' ');
        }
        line.push(c);
        (count, space) = (count + needed, false);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_domain::{Attachment, AttachmentId};

    #[test]
    fn long_texts_are_cut_between_characters_and_say_so() {
        assert_eq!(cut("  two\n\tlines ", 50), "two lines");
        assert_eq!(cut("一二三四五", 5), "一二三四五");
        assert_eq!(cut("一二三四五六", 5), "一二三四…");
        assert_eq!(cut(&"x".repeat(1_000), TEXT).chars().count(), TEXT);
    }

    #[test]
    fn files_are_told_by_what_they_are_in_the_persons_language() {
        let file = |media_type: &str| Body::File {
            attachment: Attachment {
                id: AttachmentId::from_uuid(uuid::Uuid::nil()),
                name: "合同.pdf".into(),
                media_type: media_type.into(),
                size: 1,
                sha256: String::new(),
            },
        };
        assert_eq!(summary(&file("image/png"), Language::of("zh-Hans")), "[图片]");
        assert_eq!(summary(&file("image/png"), Language::of("en-GB")), "[Photo]");
        assert_eq!(summary(&file("application/pdf"), Language::of("ZH")), "[文件] 合同.pdf");
        assert_eq!(Language::of("fr"), Language::English);
    }

    #[test]
    fn a_group_is_named_behind_the_sender() {
        assert_eq!(title("Ada", ""), "Ada");
        assert_eq!(title("Ada", "Engines"), "Ada · Engines");
    }
}
