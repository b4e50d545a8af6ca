//! What the host itself says to people in an agent's name, in the language that they write in.

/// A language that the catalogue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Chinese,
    English,
}

impl Language {
    /// The language of `text`, or else the one that its writer asked for, or else English.
    pub(super) fn of(text: &str, locale: Option<&str>) -> Self {
        if text.chars().any(is_han) {
            return Self::Chinese;
        }
        let asks_for_chinese =
            locale.is_some_and(|tag| tag.split('-').next().is_some_and(|tag| tag.eq_ignore_ascii_case("zh")));
        // Letters say more than a setting; numbers and signs say nothing.
        if asks_for_chinese && !text.chars().any(char::is_alphabetic) { Self::Chinese } else { Self::English }
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Something that the host says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    /// The agent failed.
    Apology,
    /// The budget is spent.
    OverBudget,
    /// There are more replies than may run at a time.
    Busy,
    /// After an apology: people take over.
    HandedOver,
    /// After an apology, where nobody is there to take over.
    Told,
    /// A filter took the reply back.
    Withdrawn,
    /// The host was stopped too often while the reply was being written.
    Interrupted,
    /// A person stopped the reply.
    Stopped,
    /// It ended early.
    CutShort,
    /// A link comes from nowhere.
    UnsourcedLink,
}

impl Phrase {
    /// The words in `language`.
    pub(super) const fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Apology, Language::English) => "Sorry, I can't answer at the moment.",
            (Self::Apology, Language::Chinese) => "抱歉，我暂时无法回答。",
            (Self::OverBudget, Language::English) => "Sorry, I have used up what I may use today.",
            (Self::OverBudget, Language::Chinese) => "抱歉，我今天的用量已经用完。",
            (Self::Busy, Language::English) => "Sorry, too many people are asking me at the same time.",
            (Self::Busy, Language::Chinese) => "抱歉，现在提问的人太多，我忙不过来。",
            (Self::HandedOver, Language::English) => " I have asked a colleague to take over.",
            (Self::HandedOver, Language::Chinese) => "已为您转接人工同事。",
            (Self::Told, Language::English) => " Please try again later; the administrators have been told.",
            (Self::Told, Language::Chinese) => "请稍后再试；管理员已收到通知。",
            (Self::Withdrawn, Language::English) => {
                "I took my reply back: it did not meet the rules of this organisation."
            }
            (Self::Withdrawn, Language::Chinese) => "我撤回了刚才的回复：内容不符合本单位的规定。",
            (Self::Interrupted, Language::English) => {
                "My reply was interrupted and could not be finished. Please ask again."
            }
            (Self::Interrupted, Language::Chinese) => "我的回复被中断，未能完成，请重新提问。",
            (Self::Stopped, Language::English) => "This reply was stopped before its end.",
            (Self::Stopped, Language::Chinese) => "这条回复已被停止，内容不完整。",
            (Self::CutShort, Language::English) => "This reply is incomplete.",
            (Self::CutShort, Language::Chinese) => "这条回复不完整。",
            (Self::UnsourcedLink, Language::English) => {
                "This reply has a link that comes from no source that the agent was given. Check it before you open it."
            }
            (Self::UnsourcedLink, Language::Chinese) => "这条回复中的链接没有可靠来源，打开前请先核实。",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_text_and_else_that_of_its_writer() {
        assert_eq!(Language::of("你好 there", Some("en")), Language::Chinese);
        assert_eq!(Language::of("hello", Some("zh-Hans")), Language::English);
        assert_eq!(Language::of("123?", Some("zh-Hans")), Language::Chinese);
        assert_eq!(Language::of("123?", None), Language::English);
    }
}
