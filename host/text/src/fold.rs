//! The fold table: for every character, what it becomes on its own (NFKC, case, width, look-alikes,
//! traditional to simplified), or that it is dropped, or that it belongs to the character before it.
//! Folding a whole text, with offsets, is the work of `normalise`.

use std::sync::LazyLock;

use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick, is_nfkd_quick};

use crate::class::{Class, classify};
use crate::twin;

const TRADITIONAL: &str = include_str!("../tables/traditional.tsv");

/// One past the last character that has an entry of its own: the end of the supplementary
/// ideographs. Beyond it there are only tags and private use.
const END: u32 = 0x323b0;
const BLOCK: usize = 256;

/// What becomes of one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// It stays.
    Same,
    /// Another character takes its place.
    Char(char),
    /// Several characters take its place.
    Text(&'static str),
    /// It is removed: invisible, or a control.
    Drop,
    /// It may combine with what stands before it, so both are folded together.
    Attach,
}

/// A character's fold, its class after folding, and whether it may be part of a longer grapheme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry(u32);

const SAME: u32 = 0;
const CHAR: u32 = 1;
const TEXT: u32 = 2;
const DROP: u32 = 3;
const ATTACH: u32 = 4;
const KIND: u32 = 29;
const CLASS: u32 = 25;
const GRAPHEME: u32 = 1 << 24;
const VALUE: u32 = (1 << 21) - 1;

impl Entry {
    const fn new(kind: u32, class: Class, value: u32) -> Self {
        Self((kind << KIND) | ((class as u32) << CLASS) | value)
    }

    const fn in_grapheme(self) -> Self {
        Self(self.0 | GRAPHEME)
    }

    /// Whether the character stays as it is and stands for itself alone.
    pub(crate) const fn is_plain(self) -> bool {
        self.0 & (7 << KIND | GRAPHEME) == 0
    }

    /// Whether the character may be part of a grapheme of several characters.
    pub(crate) const fn joins_graphemes(self) -> bool {
        self.0 & GRAPHEME != 0
    }

    /// The class of what the character becomes; of a longer text, that of its first character.
    pub(crate) fn class(self) -> Class {
        Class::from_bits((self.0 >> CLASS) & 15)
    }

    /// What becomes of it.
    pub(crate) fn fold(self, table: &'static FoldTable) -> Fold {
        let value = self.0 & VALUE;
        match self.0 >> KIND {
            CHAR => char::from_u32(value).map_or(Fold::Same, Fold::Char),
            TEXT => table.texts.get(value as usize).map_or(Fold::Same, |text| Fold::Text(text)),
            DROP => Fold::Drop,
            ATTACH => Fold::Attach,
            _ => Fold::Same,
        }
    }
}

/// Folds of all characters, in blocks of 256 of which equal ones are kept once.
pub(crate) struct FoldTable {
    block_of: Vec<u16>,
    entries: Vec<Entry>,
    texts: Vec<Box<str>>,
}

static TABLE: LazyLock<FoldTable> = LazyLock::new(FoldTable::build);

/// The table; the first call builds it.
pub(crate) fn table() -> &'static FoldTable {
    &TABLE
}

/// The class of a normalised character.
pub(crate) fn class_of(c: char) -> Class {
    table().entry(c).class()
}

impl FoldTable {
    /// The entry of a character.
    pub(crate) fn entry(&self, c: char) -> Entry {
        let code = c as usize;
        let Some(block) = self.block_of.get(code / BLOCK) else { return beyond(c) };
        let at = usize::from(*block) * BLOCK + code % BLOCK;
        self.entries.get(at).copied().unwrap_or(Entry(0))
    }

    fn build() -> Self {
        let simplified = simplified();
        let mut table = Self { block_of: Vec::new(), entries: Vec::new(), texts: Vec::new() };
        let mut kept: Vec<Vec<u32>> = Vec::new();
        for first in (0..END).step_by(BLOCK) {
            let block: Vec<u32> = (first..first + 256)
                .map(|code| char::from_u32(code).map_or(0, |c| table.make(c, &simplified).0))
                .collect();
            let index = kept.iter().position(|other| *other == block).unwrap_or(kept.len());
            if index == kept.len() {
                table.entries.extend(block.iter().copied().map(Entry));
                kept.push(block);
            }
            table.block_of.push(u16::try_from(index).unwrap_or_default());
        }
        table
    }

    fn make(&mut self, c: char, simplified: &[(char, char)]) -> Entry {
        if let Some(entry) = by_range(c) {
            return if c.is_ascii() || is_lone(c) { entry } else { entry.in_grapheme() };
        }
        if is_ideograph(c) {
            let to = to_simplified(c, simplified);
            return if to == c {
                Entry::new(SAME, Class::Unspaced, 0)
            } else {
                Entry::new(CHAR, Class::Unspaced, to as u32)
            };
        }
        let text = fold_alone(c, simplified);
        let mut chars = text.chars();
        let entry = match (chars.next(), chars.next()) {
            (None, _) => Entry::new(DROP, Class::Soft, 0),
            (Some(one), None) if one == c => Entry::new(SAME, classify(c), 0),
            (Some(one), None) => Entry::new(CHAR, classify(one), one as u32),
            (Some(first), Some(_)) => {
                let index = u32::try_from(self.texts.len()).unwrap_or_default();
                self.texts.push(text.into_boxed_str());
                Entry::new(TEXT, classify(first), index)
            }
        };
        if joins(c) { entry.in_grapheme() } else { entry }
    }
}

/// Entries that follow from where a character stands in Unicode: removed, or attached.
fn by_range(c: char) -> Option<Entry> {
    if is_dropped(c) {
        return Some(Entry::new(DROP, Class::Soft, 0));
    }
    attaches(c).then(|| Entry::new(ATTACH, classify(c), 0))
}

fn beyond(c: char) -> Entry {
    // Tags and the variation selectors of plane 14 are the only characters here that are not private.
    if matches!(c, '\u{e0000}'..='\u{e0fff}') {
        Entry::new(DROP, Class::Soft, 0).in_grapheme()
    } else {
        Entry::new(SAME, Class::Soft, 0)
    }
}

/// Whether a character is removed: `Default_Ignorable_Code_Point` (which holds the zero-width and
/// bidi controls) and the control codes that are no white space.
fn is_dropped(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
            | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a removed character is always a grapheme of its own (`Grapheme_Cluster_Break` = Control).
fn is_lone(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a character may compose with, or is a mark on, what stands before it.
fn attaches(c: char) -> bool {
    if c.is_ascii() || is_ideograph(c) || matches!(c, '\u{ac00}'..='\u{d7a3}') {
        return false;
    }
    let first = if is_nfkd_quick(std::iter::once(c)) == IsNormalized::Yes {
        c
    } else {
        std::iter::once(c).nfkd().next().unwrap_or(c)
    };
    // A spacing accent decomposes to a space and a mark; it stands alone, as the space does.
    canonical_combining_class(first) != 0
        || is_combining_mark(first)
        || is_nfc_quick(std::iter::once(first)) == IsNormalized::Maybe
}

/// Whether a mark is only laid over a letter to disguise it, once it composes with nothing: marks
/// for Latin, Greek, Cyrillic and symbols. Marks that other scripts spell with are kept.
pub(crate) fn is_overlay(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2f7ff}' | '\u{30000}'..='\u{323af}')
}

/// Whether a character that stays may still be part of a longer grapheme (UAX #29): first letters
/// of Hangul syllables, prepended signs, regional indicators, skin tones, and Thai and Lao AM.
fn joins(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{d4e}' | '\u{e33}'
            | '\u{eb3}' | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' | '\u{ff9e}'
            | '\u{ff9f}' | '\u{110bd}' | '\u{110cd}' | '\u{111c2}'..='\u{111c3}' | '\u{113d1}' | '\u{1193f}'
            | '\u{11941}' | '\u{11a3a}' | '\u{11a84}'..='\u{11a89}' | '\u{11d46}' | '\u{11f02}'
            | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}'
    )
}

/// Folds a character until it changes no more.
fn fold_alone(c: char, simplified: &[(char, char)]) -> String {
    let caseless = c.to_uppercase().eq([c]) && c.to_lowercase().eq([c]);
    if caseless && twin::always(c).is_none() && is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes {
        // Most characters are done here, which makes the table quick to build.
        return to_simplified(c, simplified).into();
    }
    let mut text = String::from(c);
    // Three rounds are the most that any character needs: one to fold, one for what that made
    // foldable (capital sharp s), one to see that it is done.
    for _ in 0..4 {
        let upper: String = text.nfkc().flat_map(char::to_uppercase).collect();
        let next: String = upper
            .chars()
            .flat_map(char::to_lowercase)
            .nfkc()
            .filter(|c| !is_dropped(*c) && !is_overlay(*c))
            .map(|c| to_simplified(twin::always(c).unwrap_or(c), simplified))
            .collect();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn simplified() -> Vec<(char, char)> {
    let mut pairs: Vec<(char, char)> = TRADITIONAL
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(to, from)| Some((to.chars().next()?, from)))
        .flat_map(|(to, from)| from.chars().map(move |c| (c, to)))
        .collect();
    pairs.sort_unstable();
    pairs
}

fn to_simplified(c: char, simplified: &[(char, char)]) -> char {
    let look = |c: char| simplified.binary_search_by_key(&c, |pair| pair.0).ok().and_then(|at| simplified.get(at));
    // One entry of the table leads to another.
    let once = look(c).map_or(c, |pair| pair.1);
    look(once).map_or(once, |pair| pair.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(c: char) -> String {
        match table().entry(c).fold(table()) {
            Fold::Same => c.into(),
            Fold::Char(to) => to.into(),
            Fold::Text(text) => text.into(),
            Fold::Drop => String::new(),
            Fold::Attach => "+".into(),
        }
    }

    #[test]
    fn single_characters_fold_as_documented() {
        for (c, to) in [
            ('A', "a"),
            ('Ａ', "a"),
            ('É', "é"),
            ('ß', "ss"),
            ('ẞ', "ss"),
            ('ς', "σ"),
            ('İ', "i"),
            ('ı', "i"),
            ('賭', "赌"),
            ('薴', "苎"),
            ('博', "博"),
            ('㊙', "秘"),
            ('①', "1"),
            ('𝓕', "f"),
            ('🅵', "f"),
            ('🇫', "f"),
            ('ꜰ', "f"),
            ('ﬃ', "ffi"),
            ('\u{a0}', " "),
            ('\u{200b}', ""),
            ('\u{202e}', ""),
            ('\u{e0041}', ""),
            ('\u{301}', "+"),
            ('ﾞ', "+"),
            ('\u{1175}', "+"),
            ('ж', "ж"),
            ('Ж', "ж"),
        ] {
            assert_eq!(folded(c), to, "{c:?}");
        }
    }

    #[test]
    fn folding_a_fold_changes_nothing() {
        for code in 0..END {
            let Some(c) = char::from_u32(code) else { continue };
            for part in folded(c).chars().filter(|_| folded(c) != "+") {
                let again = folded(part);
                assert!(
                    again == String::from(part) || again == "+",
                    "{c:?} folds to {part:?}, which folds to {again:?}"
                );
            }
        }
    }
}
