//! Word lists: what an entry is, and one list compiled for searching. How lists are combined lives in
//! `set`, how they are read from files in `import`, the matching itself in `matcher` and `verify`.

pub(crate) mod builtin;
pub(crate) mod import;
mod matcher;
pub(crate) mod set;
mod verify;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use matcher::Matcher;

use crate::{LexiconError, LineError, Normalised};

/// The most bytes of one word: longer than any phrase that is worth listing.
pub const MAX_WORD_BYTES: usize = 256;
/// The most words of one list: its automaton then takes some 20 MB.
pub const MAX_WORDS: usize = 200_000;
/// The most bytes of a category's name.
pub const MAX_CATEGORY_BYTES: usize = 64;
/// The most hits that one search reports, as the contract says.
pub const MAX_HITS: usize = 1_000;
/// The category of words that were listed without one.
pub const DEFAULT_CATEGORY: &str = "other";

/// Where a word counts as found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Anywhere, inside other words too.
    Substring,
    /// Where no letter or digit of a script that separates words continues it. In Chinese, Japanese or Thai, anywhere.
    #[default]
    Word,
    /// Only as the whole message, white space and punctuation around it aside.
    Exact,
}

/// One entry of a word list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The word or phrase, 1 to 256 bytes, in any spelling: it is normalised as messages are.
    pub word: String,
    /// What kind of word it is, at most 64 bytes.
    #[serde(default = "default_category")]
    pub category: String,
    /// Where it counts as found.
    #[serde(default)]
    pub mode: Mode,
}

fn default_category() -> String {
    DEFAULT_CATEGORY.into()
}

impl Entry {
    /// Checks the limits of a word and a category.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn check(&self) -> Result<(), LineError> {
        if self.word.trim().is_empty() {
            return Err(LineError::EmptyWord);
        }
        if self.word.len() > MAX_WORD_BYTES {
            return Err(LineError::WordTooLong { bytes: self.word.len(), limit: MAX_WORD_BYTES });
        }
        if self.category.len() > MAX_CATEGORY_BYTES {
            return Err(LineError::CategoryTooLong { bytes: self.category.len(), limit: MAX_CATEGORY_BYTES });
        }
        Ok(())
    }
}

/// A listed word found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The word as its list has it.
    pub word: Arc<str>,
    /// Its category.
    pub category: Arc<str>,
    /// The list that has it.
    pub list: Arc<str>,
    /// First byte in the original text.
    pub start: u32,
    /// One past the last byte in the original text.
    pub end: u32,
}

/// One word list, compiled once, immutable, to be shared between threads.
#[derive(Debug)]
pub struct Lexicon {
    name: Arc<str>,
    matcher: Matcher,
}

impl Lexicon {
    /// Compiles a list. Of words that are equal once normalised, the first counts.
    ///
    /// # Errors
    /// [`LexiconError::BadName`]; [`LexiconError::TooManyWords`]; [`LexiconError::BadLine`] with the
    /// entry's position, from 1; [`LexiconError::Compile`] if the automaton would be too large.
    pub fn compile(name: &str, entries: impl IntoIterator<Item = Entry>) -> Result<Self, LexiconError> {
        let name = list_name(name)?;
        let mut listed = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            if index >= MAX_WORDS {
                return Err(LexiconError::TooManyWords { limit: MAX_WORDS });
            }
            entry.check().map_err(|problem| LexiconError::BadLine { line: index + 1, problem })?;
            listed.push((0, entry));
        }
        Ok(Self { matcher: Matcher::compile(vec![name.clone()], listed)?, name })
    }

    /// The list's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many different words it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matcher.len()
    }

    /// Whether it has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory its automata take.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.matcher.heap_bytes()
    }

    /// Its words in a text, in order of their start, without overlaps (the first and longest count),
    /// at most 1,000.
    #[must_use]
    pub fn find(&self, text: &Normalised) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.matcher.find(text, |_| true, &mut hits);
        hits
    }
}

fn list_name(name: &str) -> Result<Arc<str>, LexiconError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with(builtin::PREFIX) {
        Ok(name.into())
    } else {
        Err(LexiconError::BadName { name: name.chars().take(80).collect() })
    }
}
