//! Citations: marks in the answer that lead to passages which were found, and to nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use agent_kit::Language;
use warbler_sdk::Passage;

/// Longest mark that is waited for, in bytes: `[99, 98]`.
const LONGEST_MARK: usize = 16;

/// The share of an answer's letter pairs that stand in a passage, from which the answer is taken to rest on it.
const RESTS_ON: f64 = 0.5;

/// Letter pairs that an answer must have for that to mean anything.
const LEAST_PAIRS: usize = 8;

/// Watches an answer as it grows. Marks of passages that were not found are left out.
pub(crate) struct Citations {
    found: usize,
    used: BTreeSet<usize>,
    /// A mark that has begun and not ended.
    open: String,
}

impl Citations {
    /// For an answer from `found` passages.
    pub(crate) fn new(found: usize) -> Self {
        Self { found, used: BTreeSet::new(), open: String::new() }
    }

    /// What of `piece` may be said now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let mut said = String::with_capacity(piece.len());
        for c in piece.chars() {
            if self.open.is_empty() {
                if matches!(c, '[' | '【') {
                    self.open.push(c);
                } else {
                    said.push(c);
                }
                continue;
            }
            self.open.push(c);
            if matches!(c, ']' | '】') {
                let mark = std::mem::take(&mut self.open);
                said.push_str(&self.mark(&mark));
            } else if !(c.is_ascii_digit() || matches!(c, ' ' | ',' | '，' | '、' | '^'))
                || self.open.len() > LONGEST_MARK
            {
                // No mark after all.
                said.push_str(&std::mem::take(&mut self.open));
            }
        }
        said
    }

    /// What was still waited for when the answer ended.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.open)
    }

    fn mark(&mut self, mark: &str) -> String {
        let numbers: Vec<usize> =
            mark.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok()).collect();
        if numbers.is_empty() {
            return mark.to_owned();
        }
        let mut kept = String::new();
        for number in numbers.into_iter().filter(|number| (1..=self.found).contains(number)) {
            self.used.insert(number);
            let _ = write!(kept, "[{number}]");
        }
        kept
    }

    /// The lines that name the sources of `answer`. Where the model set no mark, passages that the answer evidently
    /// rests on are named all the same.
    pub(crate) fn sources(&self, answer: &str, passages: &[Passage], language: Language) -> String {
        let mut used = self.used.clone();
        if used.is_empty() {
            used = resting_on(answer, passages);
        }
        if used.is_empty() {
            return String::new();
        }
        let mut lines = String::from(language.pick("\n\n来源：", "\n\nSources:"));
        for number in used {
            if let Some(passage) = passages.get(number.wrapping_sub(1)) {
                let _ = write!(lines, "\n[{number}] {}", one_line(&passage.source));
            }
        }
        lines
    }
}

/// The passages that an answer shares most of its letter pairs with.
fn resting_on(answer: &str, passages: &[Passage]) -> BTreeSet<usize> {
    let pairs = pairs(answer);
    if pairs.len() < LEAST_PAIRS {
        return BTreeSet::new();
    }
    let shares = passages.iter().map(|passage| {
        let there = self::pairs(&passage.text);
        // Pairs of one answer; far fewer than a double can count.
        #[allow(clippy::cast_precision_loss)]
        let share = pairs.intersection(&there).count() as f64 / pairs.len() as f64;
        share
    });
    // Two letters of English say less than two of Chinese, and stand everywhere: the best passage only, and
    // only where most of the answer is in it.
    let best = shares.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, share)| *share >= RESTS_ON);
    best.map(|(at, _)| at + 1).into_iter().collect()
}

/// Pairs of neighbouring words, where a Chinese letter counts as a word.
fn pairs(text: &str) -> BTreeSet<(String, String)> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let is_han = ('\u{4e00}'..='\u{9fff}').contains(&c);
        if c.is_alphanumeric() && !is_han {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_han {
            words.push(c.to_string());
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words.iter().zip(words.iter().skip(1)).map(|(a, b)| (a.clone(), b.clone())).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(source: &str, text: &str) -> Passage {
        Passage { source: source.to_owned(), text: text.to_owned(), score: 1.0 }
    }

    fn said(found: usize, pieces: &[&str]) -> (String, Citations) {
        let mut citations = Citations::new(found);
        let mut said: String = pieces.iter().map(|piece| citations.push(piece)).collect();
        said.push_str(&citations.finish());
        (said, citations)
    }

    #[test]
    fn marks_of_what_was_not_found_are_left_out_even_when_they_come_in_pieces() {
        let (said, _) = said(2, &["Ten days [1", "]. Or nine [", "7]. Both 【1，2】[3, 2]."]);
        assert_eq!(said, "Ten days [1]. Or nine . Both [1][2][2].");
    }

    #[test]
    fn brackets_that_are_no_marks_stay() {
        let (said, citations) = said(1, &["[link](https://example.com) a[i] [", "x] [] [12"]);
        assert_eq!(said, "[link](https://example.com) a[i] [x] [] [12");
        assert!(citations.used.is_empty());
    }

    #[test]
    fn only_what_was_cited_is_named() {
        let passages = [passage("Handbook › Leave", "x"), passage("Prices", "y")];
        let (answer, citations) = said(2, &["See [2]."]);
        assert_eq!(citations.sources(&answer, &passages, Language::En), "\n\nSources:\n[2] Prices");
    }

    #[test]
    fn an_answer_that_repeats_a_passage_without_a_mark_names_it() {
        let passages =
            [passage("Prices", "Apples cost five."), passage("手册", "员工每年享有十天带薪年假，须提前三天申请。")];
        let (answer, citations) = said(2, &["员工每年享有十天带薪年假。"]);
        assert_eq!(citations.sources(&answer, &passages, Language::Zh), "\n\n来源：\n[2] 手册");
        let (answer, citations) = said(2, &["Nothing of the kind is known to anybody here, I am afraid to say."]);
        assert_eq!(citations.sources(&answer, &passages, Language::En), "");
    }
}
