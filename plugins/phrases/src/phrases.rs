//! A set of phrases, found all at once.

use std::collections::BTreeMap;

use daachorse::CharwiseDoubleArrayAhoCorasick;

use crate::fold::{Folded, is_han};

/// A phrase found in a folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// What the phrase was listed under.
    pub id: u16,
    /// First byte in the folded text.
    pub start: usize,
    /// One past the last byte in the folded text.
    pub end: usize,
}

/// Phrases, each listed under a number, compiled for one pass over a text.
#[derive(Default)]
pub struct Phrases {
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    ids: Vec<Vec<u16>>,
}

impl Phrases {
    /// Compiles phrases; one may be listed under several numbers. Empty ones are left out.
    ///
    /// # Errors
    /// A sentence, if there are too many for one automaton.
    pub fn new<'a>(phrases: impl IntoIterator<Item = (&'a str, u16)>) -> Result<Self, String> {
        let mut listed: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for (phrase, id) in phrases {
            let folded = Folded::new(phrase.trim()).into_text();
            if !folded.is_empty() {
                listed.entry(folded).or_default().push(id);
            }
        }
        if listed.is_empty() {
            return Ok(Self::default());
        }
        let (words, ids): (Vec<String>, Vec<Vec<u16>>) = listed.into_iter().unzip();
        let automaton = CharwiseDoubleArrayAhoCorasick::new(&words).map_err(|error| error.to_string())?;
        Ok(Self { automaton: Some(automaton), ids })
    }

    /// Every occurrence in a folded text, overlapping ones too, in order of their end. A phrase counts only where no
    /// letter or digit of a script that separates words continues it.
    pub fn find<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = Occurrence> + 'a {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_overlapping_iter(folded));
        found
            .filter(move |hit| is_bounded(folded, hit.start(), hit.end()))
            .flat_map(|hit| self.ids.get(hit.value() as usize).into_iter().flatten().map(move |id| (hit, *id)))
            .map(|(hit, id)| Occurrence { id, start: hit.start(), end: hit.end() })
    }
}

fn is_bounded(text: &str, start: usize, end: usize) -> bool {
    let continues = |c: Option<char>| c.is_some_and(|c| !is_han(c) && c.is_alphanumeric());
    let (before, rest) = text.split_at_checked(start).unwrap_or_default();
    let (inside, after) = rest.split_at_checked(end - start).unwrap_or_default();
    let (first, last) = (inside.chars().next(), inside.chars().next_back());
    !(continues(first) && continues(before.chars().next_back()) || continues(last) && continues(after.chars().next()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn phrases_are_found_with_their_numbers_and_at_word_boundaries() {
        let phrases = Phrases::new([("验证码", 1), ("OTP", 2), ("otp", 3), ("", 4)]).unwrap();
        let folded = Folded::new("驗證碼 otp, laptop otpx");
        let found: Vec<_> =
            phrases.find(folded.text()).map(|hit| (hit.id, &folded.text()[hit.start..hit.end])).collect();
        assert_eq!(found, [(1, "验证码"), (2, "otp"), (3, "otp")]);
    }

    #[test]
    fn no_phrases_find_nothing() {
        assert_eq!(Phrases::new([]).unwrap().find("abc").count(), 0);
    }
}
