//! The automata over one or several lists, and the choice among overlapping hits.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use daachorse::CharwiseDoubleArrayAhoCorasick;

use super::verify::{in_squeezed, in_strict, in_text};
use super::{Entry, Hit, MAX_HITS, Mode};
use crate::view::{View, skeleton, squeeze};
use crate::{LexiconError, LineError, Normalised, normalise};

/// Hits gathered in one scan before it stops: a text that repeats one letter may otherwise have one
/// for every word of a list at every byte. Candidates that do not count are not limited, or a word
/// could be hidden behind many of them.
const MAX_FOUND: usize = 20_000;
/// The shortest word that is looked for in the strict view; shorter ones are found in model numbers.
const MIN_STRICT_CHARS: usize = 3;

/// Words of one or several lists, compiled.
pub(crate) struct Matcher {
    lists: Vec<Arc<str>>,
    words: Vec<Word>,
    /// Over the normalised and the squeezed text.
    plain: Option<Automaton>,
    /// Over the strict view.
    strict: Option<Automaton>,
}

/// A compiled set of patterns; each leads to the words that it is a form of.
struct Automaton {
    states: CharwiseDoubleArrayAhoCorasick<u32>,
    forms: Vec<Vec<u32>>,
}

pub(super) struct Word {
    pub(super) mode: Mode,
    /// Length of the normalised form, to tell it from the squeezed one.
    pub(super) bytes: usize,
    /// Where the squeezed form lost separators of the word's own, as bytes of that form.
    pub(super) joints: Vec<usize>,
    list: u16,
    spelling: Arc<str>,
    category: Arc<str>,
}

/// A verified hit, before overlaps are resolved.
struct Found {
    word: u32,
    start: u32,
    end: u32,
}

impl Matcher {
    /// Compiles entries, each with the index of its list.
    pub(crate) fn compile(lists: Vec<Arc<str>>, entries: Vec<(u16, Entry)>) -> Result<Self, LexiconError> {
        let mut builder = Builder::default();
        for (index, (list, entry)) in entries.into_iter().enumerate() {
            builder.add(list, &entry).map_err(|problem| LexiconError::BadLine { line: index + 1, problem })?;
        }
        let fail = |detail: String| LexiconError::Compile {
            name: lists.first().map(ToString::to_string).unwrap_or_default(),
            detail,
        };
        let plain = builder.plain.compile().map_err(fail)?;
        let strict = builder.strict.compile().map_err(fail)?;
        Ok(Self { plain, strict, words: builder.words, lists })
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        [&self.plain, &self.strict].into_iter().flatten().map(|automaton| automaton.states.heap_bytes()).sum()
    }

    /// Adds the hits of the wanted lists to `hits`, in order of their start.
    pub(crate) fn find(&self, text: &Normalised, wanted: impl Fn(u16) -> bool, hits: &mut Vec<Hit>) {
        let mut found = Vec::new();
        if let Some(plain) = &self.plain {
            self.scan(plain, text.text(), &wanted, &mut found, |word, range| in_text(text, word, range));
            if let Some(view) = text.squeezed.as_deref() {
                self.scan(plain, &view.text, &wanted, &mut found, |word, range| in_squeezed(text, view, word, range));
            }
        }
        if let (Some(strict), Some(view)) = (&self.strict, text.strict.as_deref()) {
            self.scan(strict, &view.text, &wanted, &mut found, |word, range| in_strict(text, view, word, range));
        }
        self.resolve(found, hits);
    }

    fn scan(
        &self,
        automaton: &Automaton,
        haystack: &str,
        wanted: impl Fn(u16) -> bool,
        found: &mut Vec<Found>,
        verify: impl Fn(&Word, std::ops::Range<usize>) -> Option<std::ops::Range<usize>>,
    ) {
        for hit in automaton.states.find_overlapping_iter(haystack) {
            if found.len() >= MAX_FOUND {
                return;
            }
            for &index in automaton.forms.get(hit.value() as usize).map_or(&[][..], Vec::as_slice) {
                let Some(word) = self.words.get(index as usize).filter(|word| wanted(word.list)) else { continue };
                if let Some(range) = verify(word, hit.start()..hit.end()) {
                    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                    found.push(Found { word: index, start: narrow(range.start), end: narrow(range.end) });
                }
            }
        }
    }

    /// Keeps the first and longest of the hits of each list that overlap.
    fn resolve(&self, mut found: Vec<Found>, hits: &mut Vec<Hit>) {
        if found.is_empty() {
            return;
        }
        found.sort_unstable_by_key(|hit| (hit.start, Reverse(hit.end), hit.word));
        let mut done = vec![0_u32; self.lists.len()];
        for hit in found {
            let Some(word) = self.words.get(hit.word as usize) else { continue };
            let list = usize::from(word.list);
            let (Some(done), Some(name)) = (done.get_mut(list), self.lists.get(list)) else { continue };
            if hit.start < *done || hits.len() >= MAX_HITS {
                continue;
            }
            *done = hit.end;
            hits.push(Hit {
                word: word.spelling.clone(),
                category: word.category.clone(),
                list: name.clone(),
                start: hit.start,
                end: hit.end,
            });
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").field("lists", &self.lists).field("words", &self.words.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Builder {
    words: Vec<Word>,
    categories: HashMap<String, Arc<str>>,
    known: HashSet<(u16, String)>,
    plain: Patterns,
    strict: Patterns,
}

impl Builder {
    fn add(&mut self, list: u16, entry: &Entry) -> Result<(), LineError> {
        let form = normalise(entry.word.trim()).text().trim().to_owned();
        if form.is_empty() {
            return Err(LineError::NothingVisible { word: entry.word.clone() });
        }
        if !self.known.insert((list, form.clone())) {
            return Ok(());
        }
        let squeezed = squeeze(&form);
        let category = self.categories.entry(entry.category.clone()).or_insert_with(|| entry.category.as_str().into());
        let index = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.push(Word {
            mode: entry.mode,
            bytes: form.len(),
            joints: joints(&squeezed),
            list,
            spelling: entry.word.trim().into(),
            category: category.clone(),
        });
        if squeezed.text != form && !squeezed.text.is_empty() {
            self.plain.add(squeezed.text, index);
        }
        if let Some(strict) =
            skeleton(&form).filter(|strict| strict.len() >= MIN_STRICT_CHARS && entry.mode != Mode::Exact)
        {
            self.strict.add(strict, index);
        }
        self.plain.add(form, index);
        Ok(())
    }
}

/// Where a squeezed word lost separators.
fn joints(squeezed: &View) -> Vec<usize> {
    let starts = squeezed.text.char_indices().map(|(at, _)| at).skip(1);
    starts.filter(|at| squeezed.map.end(*at) != squeezed.map.start(*at)).collect()
}

/// Patterns, each with the words that it is a form of.
#[derive(Default)]
struct Patterns {
    ids: HashMap<String, u32>,
    forms: Vec<Vec<u32>>,
}

impl Patterns {
    fn add(&mut self, pattern: String, word: u32) {
        let next = u32::try_from(self.forms.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(pattern).or_insert(next);
        if id == next {
            self.forms.push(Vec::new());
        }
        if let Some(words) = self.forms.get_mut(id as usize) {
            words.push(word);
        }
    }

    fn compile(self) -> Result<Option<Automaton>, String> {
        if self.ids.is_empty() {
            return Ok(None);
        }
        let states = CharwiseDoubleArrayAhoCorasick::with_values(self.ids).map_err(|error| error.to_string())?;
        Ok(Some(Automaton { states, forms: self.forms }))
    }
}
