//! Whether somebody asks for a person. Told by phrases, not by a model: whoever wants a person gets one even
//! where the model is down.

use warbler_phrases::Folded;

/// Phrases that ask for a person.
const PHRASES: &[&str] = &[
    "转人工",
    "转接人工",
    "人工客服",
    "人工服务",
    "找人工",
    "要人工",
    "接人工",
    "真人客服",
    "真人服务",
    "找真人",
    "要真人",
    "和真人",
    "跟真人",
    "转客服",
    "找客服",
    "叫客服",
    "联系客服",
    "转接客服",
    "human agent",
    "live agent",
    "real agent",
    "live person",
    "real person",
    "actual person",
    "real human",
    "talk to a person",
    "talk to a human",
    "talk to someone",
    "talk to somebody",
    "speak to a person",
    "speak to a human",
    "speak to someone",
    "speak with a human",
    "speak with a person",
    "speak with someone",
    "chat with a human",
    "connect me to a human",
    "connect me with a human",
    "transfer me to",
    "customer service representative",
    "human support",
    "a human please",
    "human, please",
];

/// Messages that ask for a person by saying nothing else.
const WHOLE: &[&str] = &["人工", "真人", "客服", "human", "agent", "operator", "representative", "person"];

/// What turns a phrase round, if it stands before it in the same sentence.
const NOT: &[&str] =
    &["不要", "不用", "不想", "不需要", "无需", "别", "don't", "do not", "no need", "not to", "without"];

/// Letters before a phrase in which a negation still means it.
const REACH: usize = 16;

/// Whether `text` asks for a person, by the built-in phrases or by one of `more`.
#[must_use]
pub fn asks_for_a_person(text: &str, more: &[String]) -> bool {
    let folded = Folded::new(text);
    let text = folded.text().replace('’', "'");
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    if WHOLE.contains(&bare) {
        return true;
    }
    let own: Vec<String> = more.iter().map(|phrase| Folded::new(phrase).text().trim().to_owned()).collect();
    let phrases = PHRASES.iter().copied().chain(own.iter().map(String::as_str).filter(|phrase| !phrase.is_empty()));
    phrases
        .into_iter()
        .any(|phrase| text.match_indices(phrase).any(|(at, _)| !is_negated(text.get(..at).unwrap_or_default())))
}

fn is_negated(before: &str) -> bool {
    let start = before.char_indices().rev().nth(REACH).map_or(0, |(at, _)| at);
    let near = before.get(start..).unwrap_or_default();
    // A negation before the end of a sentence belongs to that sentence.
    let same = near.rsplit(['。', '，', '！', '？', '.', ',', '!', '?', ';', '\n']).next().unwrap_or_default();
    NOT.iter().any(|not| same.contains(not))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_for_a_person_are_understood() {
        for text in [
            "转人工",
            "我要转 人 工！",
            "請幫我轉人工客服",
            "人工",
            "能不能帮我找客服",
            "Can I talk to a human?",
            "I want to SPEAK TO SOMEONE now",
            "agent",
            "不行，转人工",
            "That's no help. Human agent please",
        ] {
            assert!(asks_for_a_person(text, &[]), "{text}");
        }
    }

    #[test]
    fn talk_about_people_and_machines_is_no_wish() {
        for text in [
            "人工智能是什么？",
            "不用转人工了，谢谢",
            "Please don't transfer me to anybody",
            "What does a travel agent do?",
            "the person at the desk",
            "这件衣服是人工缝制的吗",
        ] {
            assert!(!asks_for_a_person(text, &[]), "{text}");
        }
    }

    #[test]
    fn a_tenants_own_phrases_count() {
        assert!(asks_for_a_person("叫店长来", &["店长".to_owned()]));
        assert!(!asks_for_a_person("叫店长来", &[String::new()]));
    }
}
