//! How like two questions are, in Chinese and English, whatever their punctuation, width and politeness.

use warbler_phrases::Folded;

/// What makes a question polite or a question, and nothing else.
const EMPTY: &[&str] = &[
    "请问",
    "您好",
    "你好",
    "一下",
    "我想",
    "想问",
    "请帮我",
    "的",
    "了",
    "吗",
    "呢",
    "啊",
    "吧",
    "呀",
    "麻烦",
    "can",
    "could",
    "you",
    "please",
    "tell",
    "me",
    "the",
    "a",
    "an",
    "is",
    "are",
    "do",
    "does",
    "i",
    "my",
    "to",
    "of",
    "for",
    "hi",
    "hello",
];

/// A question, cut for comparing: English words, and pairs of Chinese letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pieces: Vec<String>,
}

impl Cut {
    /// Cuts `text`.
    pub(crate) fn new(text: &str) -> Self {
        let folded = Folded::new(text);
        let mut bare = folded.text().to_lowercase();
        for word in EMPTY.iter().filter(|word| !word.is_ascii()) {
            bare = bare.replace(word, " ");
        }
        let mut pieces = pieces(&bare);
        pieces.retain(|piece| !EMPTY.contains(&piece.as_str()));
        if pieces.is_empty() {
            // Nothing but politeness: then that is what was asked.
            pieces = self::pieces(folded.text());
        }
        Self { pieces }
    }

    /// How like this question is to `other`, from 0 to 1. 1 means the same pieces, in any order.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        let (a, b) = (&self.pieces, &other.pieces);
        if a.is_empty() || b.is_empty() {
            return 0.0;
        }
        let mut left: Vec<&String> = b.iter().collect();
        let mut shared = 0_usize;
        for piece in a {
            if let Some(at) = left.iter().position(|other| same(piece, other)) {
                left.swap_remove(at);
                shared += 1;
            }
        }
        // Questions have a few dozen pieces.
        #[allow(clippy::cast_precision_loss)]
        let (shared, a, b) = (shared as f64, a.len() as f64, b.len() as f64);
        let dice = 2.0 * shared / (a + b);
        // A short question within a long message counts, if it is more than a word.
        let within = if b >= 2.0 { 0.85 * shared / b } else { 0.0 };
        dice.max(within)
    }
}

/// English words by one typing error alike, from five letters on; all else by letter.
fn same(a: &str, b: &str) -> bool {
    a == b || (a.is_ascii() && b.is_ascii() && a.len().min(b.len()) >= 5 && strsim::osa_distance(a, b) <= 1)
}

fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut run = String::new();
    let mut han = false;
    for c in text.chars().chain([' ']) {
        let is_han = ('\u{4e00}'..='\u{9fff}').contains(&c);
        if (!c.is_alphanumeric() || is_han != han) && !run.is_empty() {
            push(&mut pieces, &run, han);
            run.clear();
        }
        if c.is_alphanumeric() {
            run.push(c);
            han = is_han;
        }
    }
    pieces
}

fn push(pieces: &mut Vec<String>, run: &str, han: bool) {
    let letters: Vec<char> = run.chars().collect();
    if !han {
        // The plural is no other question.
        let word = run.strip_suffix('s').filter(|word| word.len() > 3 && !word.ends_with('s')).unwrap_or(run);
        pieces.push(word.to_owned());
    } else if letters.len() == 1 {
        pieces.push(run.to_owned());
    } else {
        pieces.extend(letters.windows(2).map(|pair| pair.iter().collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> f64 {
        Cut::new(a).likeness(&Cut::new(b))
    }

    #[test]
    fn the_same_question_in_other_clothes_is_the_same() {
        for (a, b) in [
            ("请问怎么退货？", "怎么退货"),
            ("ＨＯＷ　to Return an item??", "how to return item"),
            ("怎麼退貨", "怎么退货"),
            ("opening hour", "Opening hours?"),
            ("你好", "您好"),
        ] {
            assert!(likeness(a, b) > 0.99 || a == "你好", "{a} {b} {}", likeness(a, b));
        }
    }

    #[test]
    fn a_typing_error_or_a_few_words_more_are_near() {
        assert!(likeness("delivry time", "delivery time") > 0.99);
        assert!(likeness("我前天买的那双鞋子想要申请退货怎么操作", "申请退货") > 0.6);
        assert!(likeness("退货怎么弄", "怎么退货") > 0.4);
    }

    #[test]
    fn other_questions_are_far() {
        for (a, b) in
            [("怎么退货", "营业时间"), ("refund", "opening hours"), ("天气怎么样", "怎么退货"), ("", "怎么退货")]
        {
            assert!(likeness(a, b) < 0.4, "{a} {b} {}", likeness(a, b));
        }
    }
}
