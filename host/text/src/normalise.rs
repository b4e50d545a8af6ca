//! Normalising a message: one form for all the ways of writing the same, with an offset map back to
//! the bytes of the original. What single characters fold to lives in `fold`, the further views in
//! `view`.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::class::Class;
use crate::fold::{Fold, FoldTable, is_overlay, table};
use crate::offsets::{Derived, OffsetMap};
use crate::twin;
use crate::view::{View, views};

/// A message's text in the form in which words are looked for, with the way back to the original.
///
/// The form is NFKC with case, width, look-alike letters and traditional Chinese folded, and with
/// zero-width, bidi and control characters removed. Two further views, kept only where a text gives
/// cause, show it without separators between characters and with leet digits read as letters.
#[derive(Debug, Clone)]
pub struct Normalised {
    text: String,
    map: OffsetMap,
    /// Graphemes of several characters, as ranges of the original, in order. Empty for nearly all texts.
    clusters: Vec<Range<u32>>,
    pub(crate) squeezed: Option<Box<View>>,
    pub(crate) strict: Option<Box<View>>,
}

impl Normalised {
    /// The normalised text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The range of bytes of the original that a range of the normalised text stands for: whole
    /// graphemes, with the invisible characters inside it, and without those around it.
    ///
    /// An empty range gives an empty one.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.map.start(range.start);
        if range.is_empty() {
            return start..start;
        }
        self.snap(start..self.map.end(range.end))
    }

    fn snap(&self, range: Range<usize>) -> Range<usize> {
        let around = |at: usize| {
            let index = self.clusters.partition_point(|cluster| cluster.end as usize <= at);
            self.clusters.get(index).filter(|cluster| (cluster.start as usize) < at)
        };
        let start = around(range.start).map_or(range.start, |cluster| cluster.start as usize);
        let end = around(range.end).map_or(range.end, |cluster| cluster.end as usize);
        start..end
    }
}

/// Normalises a text.
#[must_use]
pub fn normalise(text: &str) -> Normalised {
    let (folded, map, clusters) = if is_simple(text) {
        (text.to_ascii_lowercase(), OffsetMap::default(), Vec::new())
    } else {
        Folding::new(text).run()
    };
    let (squeezed, strict) = views(&folded);
    Normalised { text: folded, map, clusters, squeezed, strict }
}

/// Whether only the case of ASCII letters may change.
fn is_simple(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'..=b'\r'))
}

/// One pass over a text.
struct Folding<'a> {
    source: &'a str,
    table: &'static FoldTable,
    out: Derived,
    /// Where the stretch of unchanged characters began that is not yet copied.
    run: usize,
    /// The last character that was kept: where it begins in the source, and in the output if it was copied.
    last: (usize, usize),
    /// Where the character before this one begins in the source.
    before: usize,
    /// Stretches of the source that may hold graphemes of several characters, up to the last
    /// character that makes them so.
    joined: Vec<Range<usize>>,
    latin: bool,
    twin: bool,
}

impl<'a> Folding<'a> {
    fn new(source: &'a str) -> Self {
        // Folding rarely grows a text; NFKC of single signs may.
        let out = Derived::with_capacity(source.len());
        Self {
            source,
            table: table(),
            out,
            run: 0,
            last: (0, 0),
            before: 0,
            joined: Vec::new(),
            latin: false,
            twin: false,
        }
    }

    fn run(mut self) -> (String, OffsetMap, Vec<Range<u32>>) {
        let mut at = 0;
        while let Some((change, c)) = self.skip_plain(at) {
            at = self.step(c, change);
            self.before = change;
        }
        self.flush(self.source.len());
        let clusters = self.joined.iter().flat_map(|part| long_graphemes(self.source, part)).collect();
        let mixed = self.latin && self.twin;
        let (text, map) = self.out.finish();
        let (text, map) = if mixed { unmix(text, map) } else { (text, map) };
        (text, map, clusters)
    }

    /// Passes over characters that stay as they are, from `from` on, and gives the first that may not.
    fn skip_plain(&mut self, from: usize) -> Option<(usize, char)> {
        for (offset, c) in self.rest(from).char_indices() {
            let entry = self.table.entry(c);
            if !entry.is_plain() {
                return Some((from + offset, c));
            }
            self.note(entry.class());
            self.last.0 = from + offset;
            self.before = from + offset;
        }
        None
    }

    /// Folds the character at `at`, and gives where to go on.
    fn step(&mut self, c: char, at: usize) -> usize {
        let entry = self.table.entry(c);
        let end = at + c.len_utf8();
        self.note(entry.class());
        if entry.joins_graphemes() {
            self.join(end);
        }
        let fold = entry.fold(self.table);
        if fold == Fold::Attach {
            return self.cluster(at);
        }
        self.flush(at);
        self.run = end;
        if fold != Fold::Drop {
            self.last = (at, self.out.text.len());
        }
        match fold {
            Fold::Same => self.out.push_char(c, at..end),
            Fold::Char(to) => self.out.push_char(to, at..end),
            Fold::Text(text) => {
                self.note_all(text);
                self.out.push_piece(text, at..end);
            }
            Fold::Drop | Fold::Attach => {}
        }
        end
    }

    fn note(&mut self, class: Class) {
        self.latin |= class == Class::Latin;
        self.twin |= class == Class::Twin;
    }

    /// Notes that the characters from the one before this one up to `end` may be one grapheme.
    fn join(&mut self, end: usize) {
        match self.joined.last_mut() {
            // The character after a stretch may belong to it, so it is shared by two.
            Some(part) if self.before <= part.end => part.end = end,
            _ => self.joined.push(self.before..end),
        }
    }

    fn note_all(&mut self, text: &str) {
        for c in text.chars() {
            self.note(self.table.entry(c).class());
        }
    }

    /// Copies the unchanged characters before `at`.
    fn flush(&mut self, at: usize) {
        if self.run < at {
            let run = self.source.get(self.run..at).unwrap_or_default();
            self.out.push_same(run, self.run);
            if self.last.0 >= self.run {
                self.last.1 = self.out.text.len() - (at - self.last.0);
            }
        }
        self.run = at;
    }

    /// Folds the last character together with the marks from `mark` on, and gives where they end.
    fn cluster(&mut self, mark: usize) -> usize {
        let start = self.take_back_last(mark);
        let end = self.end_of_marks(mark);
        self.join(end);
        let source = self.source.get(start..end).unwrap_or_default();
        let kept = source.chars().filter(|c| self.table.entry(*c).fold(self.table) != Fold::Drop);
        let text = fold_cluster(kept.nfkc().collect(), self.table);
        self.note_all(&text);
        self.last = (start, self.out.text.len());
        if !text.is_empty() {
            self.out.push_piece(&text, start..end);
        }
        self.run = end;
        end
    }

    /// Where the last character begins, which is no longer in the output after this.
    fn take_back_last(&mut self, mark: usize) -> usize {
        let (from, made) = self.last;
        if from >= self.run && from < mark {
            self.flush(from);
        } else {
            self.flush(mark);
            if from >= mark || made >= self.out.text.len() {
                // Nothing stands before the mark: it is the first character that is kept.
                return mark;
            }
            self.out.rewind(made, from);
        }
        from
    }

    /// The end of the marks that follow one another from `mark` on, past removed characters between them.
    fn end_of_marks(&self, mark: usize) -> usize {
        let mut end = mark;
        for (offset, c) in self.rest(mark).char_indices() {
            match self.table.entry(c).fold(self.table) {
                Fold::Attach => end = mark + offset + c.len_utf8(),
                Fold::Drop => {}
                _ => break,
            }
        }
        end
    }

    fn rest(&self, at: usize) -> &'a str {
        self.source.get(at..).unwrap_or_default()
    }
}

/// Folds the characters of a composed cluster, until nothing changes.
fn fold_cluster(mut text: String, table: &'static FoldTable) -> String {
    for _ in 0..4 {
        let mut next = String::with_capacity(text.len());
        for c in text.chars().filter(|c| !is_overlay(*c)) {
            match table.entry(c).fold(table) {
                Fold::Same => next.push(c),
                Fold::Char(to) => next.push(to),
                Fold::Text(to) => next.push_str(to),
                Fold::Drop => {}
                // A halfwidth mark that composes with nothing still becomes the full one.
                Fold::Attach => next.extend(std::iter::once(c).nfkc()),
            }
        }
        let next: String = next.nfkc().collect();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Graphemes of more than one character in a part of a text and the character after it.
fn long_graphemes<'a>(text: &'a str, part: &Range<usize>) -> impl Iterator<Item = Range<u32>> + use<'a> {
    let after = text.get(part.end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let start = part.start;
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    text.get(start..part.end + after)
        .unwrap_or_default()
        .grapheme_indices(true)
        .filter(|(_, grapheme)| grapheme.chars().nth(1).is_some())
        .map(move |(at, grapheme)| narrow(start + at)..narrow(start + at + grapheme.len()))
}

/// Folds look-alikes in words that mix Latin with Cyrillic, Greek or Armenian letters. Words of one
/// script are left alone, so that genuine Russian or Greek is not taken for English.
fn unmix(text: String, map: OffsetMap) -> (String, OffsetMap) {
    let mut out = Derived::with_capacity(text.len());
    let mut at = 0;
    let mut changed = false;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let token = Token::first(rest);
        changed |= token.mixed;
        for (offset, c) in token.text.char_indices() {
            let to = if token.mixed { twin::of_script(c).unwrap_or(c) } else { c };
            let here = at + offset;
            push_mapped(&mut out, &map, to, here..here + c.len_utf8());
        }
        at += token.text.len();
    }
    if changed { out.finish() } else { (text, map) }
}

/// Appends a character in the place of one of `made` in a text that `map` describes.
fn push_mapped(out: &mut Derived, map: &OffsetMap, to: char, made: Range<usize>) {
    let from = map.range(made.clone());
    if from.len() == made.len() && map.is_exact(made.start) {
        out.push_char(to, from);
    } else {
        out.push_piece(to.encode_utf8(&mut [0; 4]), from);
    }
}

/// A stretch of letters and marks, or one other character.
struct Token<'a> {
    text: &'a str,
    mixed: bool,
}

impl<'a> Token<'a> {
    fn first(text: &'a str) -> Self {
        let (mut latin, mut twin) = (false, false);
        let mut end = 0;
        for (offset, c) in text.char_indices() {
            let class = table().entry(c).class();
            if !matches!(class, Class::Latin | Class::Twin | Class::Mark) {
                if offset == 0 {
                    end = c.len_utf8();
                }
                break;
            }
            latin |= class == Class::Latin;
            twin |= class == Class::Twin;
            end = offset + c.len_utf8();
        }
        Self { text: text.get(..end).unwrap_or(text), mixed: latin && twin }
    }
}
