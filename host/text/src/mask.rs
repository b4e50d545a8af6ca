//! Masking: parts of a text replaced so that nothing of them can be read.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A text with every visible grapheme of the given ranges (bytes of `text`) replaced by `with`. The
/// rest stays byte for byte. Ranges may overlap and stand in any order; where one begins or ends
/// inside a character, the whole character is masked.
#[must_use]
pub fn mask(text: &str, ranges: &[Range<usize>], with: char) -> String {
    let mut ranges: Vec<Range<usize>> = ranges.iter().map(|range| widen(text, range)).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in ranges {
        let start = range.start.max(done);
        out.push_str(text.get(done..start).unwrap_or_default());
        let hidden = text.get(start..range.end).unwrap_or_default();
        let visible = hidden.graphemes(true).filter(|grapheme| !is_invisible(grapheme)).count();
        out.extend(std::iter::repeat_n(with, visible));
        done = done.max(range.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

fn widen(text: &str, range: &Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Whether a grapheme holds nothing that shows.
fn is_invisible(grapheme: &str) -> bool {
    let table = crate::fold::table();
    grapheme.chars().all(|c| table.entry(c).fold(table) == crate::fold::Fold::Drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init)]

    use super::*;

    #[test]
    fn one_sign_stands_for_each_visible_grapheme() {
        assert_eq!(mask("a赌\u{200b}博b", &[1..10], '*'), "a**b");
        assert_eq!(mask("e\u{301}x", &[0..3], '*'), "*x");
    }

    #[test]
    fn overlapping_ranges_are_masked_once() {
        assert_eq!(mask("abcdef", &[3..5, 1..4], '*'), "a****f");
    }

    #[test]
    fn ranges_beyond_the_text_or_inside_a_character_do_no_harm() {
        assert_eq!(mask("a博", &[2..99], '*'), "a*");
        assert_eq!(mask("abc", &[7..9], '*'), "abc");
    }
}
