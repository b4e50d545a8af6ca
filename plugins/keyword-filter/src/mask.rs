//! Masking what was found, and nothing else.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A text with every visible grapheme of the ranges (bytes, in any order, overlapping or not)
/// replaced. A grapheme that a range touches is replaced whole; all others stay byte for byte.
#[must_use]
pub fn mask(text: &str, ranges: &[Range<usize>], with: char) -> String {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut out = String::with_capacity(text.len());
    let mut hidden_to = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let end = at + grapheme.len();
        while let Some(range) = ranges.next_if(|range| range.start < end) {
            if range.end > at {
                hidden_to = hidden_to.max(range.end);
            }
        }
        if at >= hidden_to {
            out.push_str(grapheme);
        } else if !grapheme.chars().all(is_invisible) {
            out.push(with);
        }
    }
    out
}

/// Characters that show nothing: a mask for them would show more than was there.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init)]

    use super::*;

    #[test]
    fn only_the_ranges_are_masked() {
        assert_eq!(mask("a赌\u{200b}博b", &[1..10], '*'), "a**b");
        assert_eq!(mask("abcdef", &[3..5, 1..4], '#'), "a####f");
        assert_eq!(mask("abc", &[], '*'), "abc");
        assert_eq!(mask("abc", &[7..9], '*'), "abc");
    }

    #[test]
    fn a_grapheme_is_masked_whole() {
        assert_eq!(mask("x👨‍👩‍👧y", &[1..5], '*'), "x*y");
        assert_eq!(mask("e\u{301}x", &[0..1], '*'), "*x");
    }
}
