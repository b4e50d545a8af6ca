//! The built-in lists: a starter lexicon by category, in Chinese and English, compiled together at
//! first use, so that several of them are searched in one pass.

use std::sync::{Arc, LazyLock};

use super::{Entry, Hit, Matcher, Mode};
use crate::Normalised;

/// What the names of built-in lists begin with, and the names of tenants' lists may not.
pub(crate) const PREFIX: &str = "builtin-";

/// Each list's name and its words: one a line, a tab and a mode after it where it is not `word`.
const LISTS: [(&str, &str); 9] = [
    ("builtin-profanity", include_str!("../../lexicons/profanity.tsv")),
    ("builtin-swearing", include_str!("../../lexicons/swearing.tsv")),
    ("builtin-harassment", include_str!("../../lexicons/harassment.tsv")),
    ("builtin-sexual", include_str!("../../lexicons/sexual.tsv")),
    ("builtin-drugs", include_str!("../../lexicons/drugs.tsv")),
    ("builtin-weapons", include_str!("../../lexicons/weapons.tsv")),
    ("builtin-gambling", include_str!("../../lexicons/gambling.tsv")),
    ("builtin-advertising", include_str!("../../lexicons/advertising.tsv")),
    ("builtin-fraud", include_str!("../../lexicons/fraud.tsv")),
];

static MATCHER: LazyLock<Option<Matcher>> = LazyLock::new(|| {
    let names: Vec<Arc<str>> = LISTS.iter().map(|(name, _)| Arc::from(*name)).collect();
    Matcher::compile(names, entries().collect()).ok()
});

/// The names of the built-in lists.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.iter().map(|(name, _)| *name)
}

/// The bit that stands for the list of that name in a search.
pub(crate) fn bit(name: &str) -> Option<u64> {
    let index = || names().position(|known| known == name);
    name.starts_with(PREFIX).then(index).flatten().map(|index| 1 << index)
}

/// Adds the hits of the lists with these bits.
pub(crate) fn find(text: &Normalised, lists: u64, hits: &mut Vec<Hit>) {
    if let Some(matcher) = &*MATCHER {
        let mut found = Vec::new();
        matcher.find(text, |list| lists & (1 << list) != 0, &mut found);
        hits.append(&mut found);
    }
}

fn entries() -> impl Iterator<Item = (u16, Entry)> {
    (0..).zip(LISTS).flat_map(|(list, (name, words))| {
        let category = name.trim_start_matches(PREFIX);
        let lines = words.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(move |line| {
            let (word, mode) = line.split_once('\t').unwrap_or((line, "word"));
            let mode = mode.parse().unwrap_or(Mode::Word);
            (list, Entry { word: word.into(), category: category.into(), mode })
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::normalise;

    #[test]
    fn every_built_in_word_is_sound_and_listed_once() {
        let mut seen = HashSet::new();
        for (list, entry) in entries() {
            assert_eq!(entry.check(), Ok(()), "{entry:?}");
            assert!(entry.word.chars().count() >= 2, "{entry:?} would be found by chance");
            let form = normalise(&entry.word).text().to_owned();
            assert!(seen.insert((list, form)), "{entry:?} is listed twice");
        }
        assert_eq!(seen.len(), MATCHER.as_ref().map_or(0, Matcher::len));
    }

    #[test]
    fn a_built_in_list_is_searched_only_if_it_is_asked_for() {
        let text = normalise("上赌博网站，代开发票");
        let found = |list: &str| {
            let mut hits = Vec::new();
            find(&text, bit(list).unwrap_or_default(), &mut hits);
            hits.iter().map(|hit| hit.word.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("builtin-gambling"), ["赌博网站"]);
        assert_eq!(found("builtin-advertising"), ["代开发票"]);
        assert_eq!(found("builtin-drugs"), [""; 0]);
    }
}
