//! Words, for search: one way to cut them out of documents and queries alike, in Chinese and in languages that
//! write spaces.

use std::sync::LazyLock;

use jieba_rs::Jieba;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization as _;

/// Cuts Chinese. Its dictionary takes a tenth of a second to load, once.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Longest word that is indexed, in bytes; what is longer is no word.
const LONGEST: usize = 64;

/// Words that stand in every text, and tell nothing about what is looked for.
const EMPTY: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "how", "i", "in", "is", "it",
    "me", "my", "of", "on", "or", "please", "that", "the", "there", "this", "to", "was", "we", "what", "when", "where",
    "which", "who", "will", "with", "you", "your", "一个", "么", "了", "什么", "他", "你", "你们", "们", "吗", "呢",
    "和", "在", "多少", "如何", "将", "就", "怎么", "怎样", "您", "我", "我们", "把", "是", "有", "的", "啊", "请",
    "请问", "谁", "这", "那", "都", "与", "也", "要", "会",
];

/// The words of `text` as they are indexed: of one width, in lower case, Chinese cut in every way that a search
/// may ask for, English without its plural.
pub(crate) fn words(text: &str) -> Vec<String> {
    let even: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut words = Vec::new();
    // A single letter of Chinese, and where it ends.
    let mut single: Option<(&str, usize)> = None;
    for token in JIEBA.cut_for_search(&even, true) {
        let word = token.word.trim();
        if word.len() > LONGEST || !word.chars().any(char::is_alphanumeric) {
            continue;
        }
        words.push(singular(word).into_owned());
        if !is_single(word) {
            continue;
        }
        // Two letters that the dictionary does not know as a word may be one: names, and the house's own terms.
        if let Some((before, _)) = single.filter(|(_, end)| *end == token.byte_start) {
            words.push(format!("{before}{word}"));
        }
        single = Some((word, token.byte_end));
    }
    words
}

fn is_single(word: &str) -> bool {
    word.len() > 2 && word.chars().nth(1).is_none()
}

/// The words of a query, each once, without those that tell nothing, unless it has no others.
pub(crate) fn asked(text: &str, most: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words(text) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    // One letter of Chinese stands in every text, so it is asked for only where there is nothing longer.
    let telling = |word: &&String| !EMPTY.iter().any(|empty| singular(empty) == word.as_str()) && !is_single(word);
    let telling: Vec<String> = all.iter().filter(telling).cloned().collect();
    let mut chosen = if telling.is_empty() { all } else { telling };
    chosen.truncate(most);
    chosen
}

/// An English word without its plural: Harman's S-stemmer (1991). Gentle on purpose: a stemmer that takes more
/// finds more, and more that was not meant.
fn singular(word: &str) -> std::borrow::Cow<'_, str> {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word.into();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| !stem.ends_with(['a', 'e'])) {
        return format!("{stem}y").into();
    }
    if word.ends_with("es") && !["aes", "ees", "oes"].iter().any(|ending| word.ends_with(ending)) {
        return word.strip_suffix('s').unwrap_or(word).into();
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['u', 's']) => stem.into(),
        _ => word.into(),
    }
}

/// The tokenizer of the index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words;

impl Tokenizer for Words {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        Stream { words: words(text).into_iter(), token: Token::default() }
    }
}

/// Words, one after the other. Offsets are not kept: nothing here shows where a word stands.
pub(crate) struct Stream {
    words: std::vec::IntoIter<String>,
    token: Token,
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        let Some(word) = self.words.next() else { return false };
        // A token begins at the greatest number, so that the first is at zero.
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text = word;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_cut_into_words_and_their_parts() {
        let cut = words("北京大学的退款政策");
        for word in ["北京", "大学", "北京大学", "退款", "政策"] {
            assert!(cut.contains(&word.to_owned()), "{word} is not in {cut:?}");
        }
    }

    #[test]
    fn width_case_and_plural_make_no_difference() {
        assert_eq!(words("ＲＥＦＵＮＤＳ policies, boxes"), ["refund", "policy", "boxe"]);
        assert_eq!(words("Refund policy box's").first(), Some(&"refund".to_owned()));
        assert_eq!(words("status glass bus"), ["status", "glass", "bus"]);
    }

    #[test]
    fn a_query_is_asked_by_its_telling_words() {
        assert_eq!(asked("请问 年假 怎么 申请 年假", 10), ["年假", "申请"]);
        assert_eq!(asked("what is the refund", 10), ["refund"]);
        assert_eq!(asked("what is this", 10), ["what", "is", "thi"]);
    }
}
