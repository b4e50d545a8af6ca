//! The opening of an answer: held back until it is clear that it is not the mark by which the model says that it
//! does not know.

/// What the model is told to begin with when it does not know.
pub(crate) const UNKNOWN: &str = "[UNKNOWN]";

/// Sentences by which models say that they do not know, whatever they were told.
const NOT_KNOWING: &[&str] = &[
    "i don't know",
    "i do not know",
    "i'm not sure",
    "i am not sure",
    "i don't have information",
    "i don't have enough information",
    "i do not have information",
    "not mentioned in",
    "no information about",
    "我不知道",
    "我不清楚",
    "我不了解",
    "我无法回答",
    "没有相关信息",
    "没有找到相关",
    "没有提供相关",
    "无法确定",
];

/// The opening of one answer.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    held: String,
    decided: Option<bool>,
}

impl Opening {
    /// What may be said after `piece` came.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        match self.decided {
            Some(true) => String::new(),
            Some(false) => piece.to_owned(),
            None => {
                self.held.push_str(piece);
                let begun = self.held.trim_start();
                if begun.len() < UNKNOWN.len() && starts(UNKNOWN, begun) {
                    return String::new();
                }
                let is_mark = starts(begun, UNKNOWN);
                self.decided = Some(is_mark);
                let held = std::mem::take(&mut self.held);
                if is_mark { String::new() } else { held }
            }
        }
    }

    /// What was still held back when the answer ended.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Whether the model said by the mark that it does not know.
    pub(crate) fn is_unknown(&self) -> bool {
        self.decided == Some(true)
    }
}

fn starts(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Whether `answer` says in words that it does not know.
pub(crate) fn says_it_does_not_know(answer: &str) -> bool {
    let answer = answer.to_lowercase().replace('’', "'");
    NOT_KNOWING.iter().any(|phrase| answer.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_never_said_even_when_it_comes_letter_by_letter() {
        let mut opening = Opening::default();
        let said: String = " [unknown] sorry".chars().map(|c| opening.push(&c.to_string())).collect();
        assert_eq!((said.as_str(), opening.is_unknown()), ("", true));
    }

    #[test]
    fn an_answer_is_held_back_no_longer_than_it_may_be_the_mark() {
        let mut opening = Opening::default();
        assert_eq!(opening.push("[U"), "");
        assert_eq!(opening.push("se]"), "[Use]");
        assert_eq!(opening.push(" it"), " it");
        assert!(!opening.is_unknown());
        let mut short = Opening::default();
        assert_eq!(short.push("[U"), "");
        assert_eq!(short.finish(), "[U");
    }

    #[test]
    fn not_knowing_is_understood_in_words() {
        assert!(says_it_does_not_know("Sorry, I don’t know that."));
        assert!(says_it_does_not_know("很抱歉，我无法回答这个问题。"));
        assert!(!says_it_does_not_know("You know it already."));
    }
}
