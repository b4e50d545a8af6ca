//! Whether a candidate of an automaton counts: word boundaries, and what may stand between the
//! characters of a word that was found in the squeezed view.

use std::ops::Range;

use super::Mode;
use super::matcher::Word;
use crate::Normalised;
use crate::class::Class;
use crate::fold::class_of;
use crate::view::View;

/// The most separators in a row that hide a word which is otherwise written together.
const MAX_GAP: usize = 3;
/// The most separators in a row in a word of which every character is set apart.
const MAX_SPELLED_GAP: usize = 32;
/// The shortest word that counts if phrase marks or, in Latin, spaces stand between its characters:
/// two characters meet by chance too often.
const MIN_SPELLED_CHARS: usize = 3;

/// The original range of a candidate in the normalised text.
pub(super) fn in_text(text: &Normalised, word: &Word, found: Range<usize>) -> Option<Range<usize>> {
    if found.len() != word.bytes {
        // This is the squeezed form of a phrase: the squeezed view looks after it, unless the text
        // runs the phrase together itself, as a hashtag does.
        let together = text.squeezed.is_none() && word.mode != Mode::Exact && bounded(text.text(), &found);
        return together.then(|| text.original(found));
    }
    let counts = match word.mode {
        Mode::Substring => true,
        Mode::Word => bounded(text.text(), &found),
        Mode::Exact => is_whole(text.text(), &found),
    };
    counts.then(|| text.original(found))
}

/// The original range of a candidate in the strict view, where only whole words count.
pub(super) fn in_strict(text: &Normalised, view: &View, _word: &Word, found: Range<usize>) -> Option<Range<usize>> {
    if !bounded(&view.text, &found) {
        return None;
    }
    Some(text.original(view.map.range(found)))
}

/// The original range of a candidate in the squeezed view.
pub(super) fn in_squeezed(text: &Normalised, view: &View, word: &Word, found: Range<usize>) -> Option<Range<usize>> {
    let gaps = Gaps::of(text.text(), view, word, found.clone())?;
    if !gaps.may_hide_a_word() {
        return None;
    }
    let range = view.map.range(found);
    let counts = match word.mode {
        Mode::Exact => is_whole(text.text(), &range),
        Mode::Substring | Mode::Word => bounded(text.text(), &range),
    };
    counts.then(|| text.original(range))
}

/// What stands between the characters of a word in the squeezed view.
#[derive(Default)]
struct Gaps {
    chars: usize,
    /// Gaps where the word itself has none.
    open: usize,
    /// Whether the word is a phrase, in the form without its own separators.
    phrase: bool,
    longest: usize,
    hard: bool,
    /// A space between letters of a script that separates words.
    spaced: bool,
}

impl Gaps {
    /// None if a gap is longer than any that hides a word.
    fn of(text: &str, view: &View, word: &Word, found: Range<usize>) -> Option<Self> {
        let mut gaps = Self::default();
        let mut before: Option<(usize, Class)> = None;
        let squeezed = word.bytes != found.len();
        for (offset, c) in view.text.get(found.clone())?.char_indices() {
            let start = view.map.start(found.start + offset);
            let class = class_of(c);
            let joint = squeezed && word.joints.binary_search(&offset).is_ok();
            if let Some((end, class_before)) = before {
                let between = text.get(end..start)?;
                let letters = class_before.continues_word() && class.continues_word();
                gaps.see(between, letters, joint)?;
            }
            before = Some((view.map.end(found.start + offset + c.len_utf8()), class));
            gaps.chars += 1;
        }
        Some(gaps)
    }

    fn see(&mut self, between: &str, letters: bool, joint: bool) -> Option<()> {
        let count = between.chars().take(MAX_SPELLED_GAP + 1).count();
        if count > MAX_SPELLED_GAP {
            return None;
        }
        if joint {
            // The phrase has a separator of its own here, and any other will do, or none.
            self.phrase = true;
            return Some(());
        }
        self.open += usize::from(count > 0);
        self.longest = self.longest.max(count);
        for c in between.chars() {
            let class = class_of(c);
            self.hard |= class == Class::Hard;
            self.spaced |= letters && class == Class::Space;
        }
        Some(())
    }

    fn may_hide_a_word(&self) -> bool {
        if self.open == 0 {
            // A word written as the list has it was found in the normalised text already; a phrase
            // with other separators than its own was not.
            return self.phrase;
        }
        let spelled = self.open + 1 >= self.chars && self.chars >= MIN_SPELLED_CHARS;
        spelled || !self.hard && !self.spaced && self.longest <= MAX_GAP
    }
}

/// Whether no letter or digit continues what was found, to either side.
fn bounded(text: &str, found: &Range<usize>) -> bool {
    let class = |c: Option<char>| c.map_or(Class::Soft, class_of);
    let inside = text.get(found.clone()).unwrap_or_default();
    let before = class(text.get(..found.start).unwrap_or_default().chars().next_back());
    let after = class(text.get(found.end..).unwrap_or_default().chars().next());
    let first = class(inside.chars().next());
    let last = class(inside.chars().next_back());
    !(before.continues_word() && first.continues_word() || after.continues_word() && last.continues_word())
}

/// Whether nothing but separators stands around what was found.
fn is_whole(text: &str, found: &Range<usize>) -> bool {
    let bare = |part: Option<&str>| part.unwrap_or_default().chars().all(|c| class_of(c).is_separator());
    bare(text.get(..found.start)) && bare(text.get(found.end..))
}
