//! The offset map: from bytes of a derived text back to bytes of the text that it was made from.
//! It knows nothing of characters; `normalise` and `view` build it.

use std::ops::Range;

/// A stretch that does not map byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    made: Range<u32>,
    from: Range<u32>,
}

/// Maps ranges of a derived text to ranges of its source: byte for byte, except where pieces say
/// otherwise. An empty map is the identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OffsetMap {
    pieces: Vec<Piece>,
}

impl OffsetMap {
    /// Where in the source the byte at `at` begins: after what was removed before it.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.last_where(|piece| piece.made.start as usize <= at).map_or(at, |piece| {
            let done = piece.made.end as usize;
            if at < done { piece.from.start as usize } else { piece.from.end as usize + (at - done) }
        })
    }

    /// Where in the source the byte before `at` ends: before what was removed after it.
    pub(crate) fn end(&self, at: usize) -> usize {
        self.last_where(|piece| (piece.made.start as usize) < at).map_or(at, |piece| {
            let done = piece.made.end as usize;
            if at <= done { piece.from.end as usize } else { piece.from.end as usize + (at - done) }
        })
    }

    /// The source of a range that is not empty.
    pub(crate) fn range(&self, made: Range<usize>) -> Range<usize> {
        self.start(made.start)..self.end(made.end)
    }

    /// Whether the byte at `at` maps by itself rather than as part of a piece.
    pub(crate) fn is_exact(&self, at: usize) -> bool {
        self.last_where(|piece| piece.made.start as usize <= at).is_none_or(|piece| at >= piece.made.end as usize)
    }

    fn last_where(&self, is_before: impl Fn(&Piece) -> bool) -> Option<&Piece> {
        let index = self.pieces.partition_point(is_before);
        self.pieces.get(index.checked_sub(1)?)
    }
}

/// A derived text under construction, with its map.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) text: String,
    map: OffsetMap,
    /// Where the source goes on if the next byte maps byte for byte.
    next: usize,
}

impl Derived {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), map: OffsetMap::default(), next: 0 }
    }

    /// Appends text that maps byte for byte to the source from `from` on.
    pub(crate) fn push_same(&mut self, text: &str, from: usize) {
        self.skip_to(from);
        self.text.push_str(text);
        self.next = from + text.len();
    }

    /// Appends a character in the place of one of the same length.
    pub(crate) fn push_char(&mut self, c: char, from: Range<usize>) {
        if c.len_utf8() == from.len() {
            self.skip_to(from.start);
            self.text.push(c);
            self.next = from.end;
        } else {
            self.push_piece(c.encode_utf8(&mut [0; 4]), from);
        }
    }

    /// Appends text of which every part stands for the whole of `from`.
    pub(crate) fn push_piece(&mut self, text: &str, from: Range<usize>) {
        let start = self.text.len();
        self.text.push_str(text);
        self.map.pieces.push(Piece { made: narrow(start..self.text.len()), from: narrow(from.clone()) });
        self.next = from.end;
    }

    /// Takes back everything from byte `at` of the derived text on, which `push_same` or `push_char`
    /// or `push_piece` appended for the source from `from` on.
    pub(crate) fn rewind(&mut self, at: usize, from: usize) {
        self.text.truncate(at);
        while self.map.pieces.last().is_some_and(|piece| {
            let made = &piece.made;
            made.end as usize > at || (made.start as usize == at && piece.from.start as usize >= from)
        }) {
            self.map.pieces.pop();
        }
        self.next = from;
    }

    /// The finished text and map.
    pub(crate) fn finish(self) -> (String, OffsetMap) {
        (self.text, self.map)
    }

    fn skip_to(&mut self, from: usize) {
        if self.next != from {
            let at = self.text.len();
            self.map.pieces.push(Piece { made: narrow(at..at), from: narrow(self.next.min(from)..from) });
        }
    }
}

/// Offsets are kept in 32 bits: messages are far smaller, and `normalise` refuses nothing.
fn narrow(range: Range<usize>) -> Range<u32> {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    narrow(range.start)..narrow(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_text_inside_a_range_belongs_to_it_and_around_it_does_not() {
        let mut derived = Derived::with_capacity(8);
        // Source: `--a--b--`, where dashes are removed.
        derived.push_same("a", 2);
        derived.push_same("b", 5);
        let (text, map) = derived.finish();
        assert_eq!(text, "ab");
        assert_eq!(map.range(0..1), 2..3);
        assert_eq!(map.range(1..2), 5..6);
        assert_eq!(map.range(0..2), 2..6);
    }

    #[test]
    fn any_part_of_a_piece_maps_to_the_whole_of_its_source() {
        let mut derived = Derived::with_capacity(8);
        derived.push_same("x", 0);
        derived.push_piece("ffi", 1..4);
        derived.push_same("y", 4);
        let (_, map) = derived.finish();
        assert_eq!(map.range(2..3), 1..4);
        assert_eq!(map.range(0..5), 0..5);
        assert_eq!(map.range(4..5), 4..5);
    }

    #[test]
    fn rewinding_takes_back_the_last_character_and_keeps_the_gap_before_it() {
        let mut derived = Derived::with_capacity(8);
        derived.push_same("a", 3);
        derived.rewind(0, 3);
        derived.push_piece("á", 3..6);
        let (text, map) = derived.finish();
        assert_eq!(text, "á");
        assert_eq!(map.range(0..2), 3..6);
    }

    #[test]
    fn an_untouched_text_has_an_identity_map() {
        let mut derived = Derived::with_capacity(8);
        derived.push_same("ab", 0);
        derived.push_char('C', 2..3);
        let (_, map) = derived.finish();
        assert_eq!(map, OffsetMap::default());
    }
}
