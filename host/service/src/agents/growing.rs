//! The text of a reply as it grows: what the agent said, and what of it has passed the filters and may be
//! shown. Asking the filters is its owner's work.
//!
//! Filters are asked at the ends of sentences, every [`STEP`] bytes, and when text has waited, never for each
//! token. Each time they see a window that reaches back over what they saw before, so that a word which lies
//! across two pieces is found; what was shown of it by then is taken back by whoever shows the text.

/// How far a window reaches back over checked text, in bytes: longer than any word of a list.
pub(super) const LOOK_BACK: usize = 256;

/// New text after which the filters are asked even within a sentence, in bytes.
const STEP: usize = 48;

/// Text without any border is checked after so many bytes all the same.
const LONGEST_WORD: usize = 96;

/// Distance of places where a window may begin in text that has no spaces and no signs.
const FAR: usize = 512;

/// A place where a window may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cut {
    raw: usize,
    shown: usize,
}

/// A reply's text.
#[derive(Debug, Default)]
pub(super) struct Growing {
    raw: String,
    shown: String,
    /// How much of `raw` the filters have seen.
    checked: usize,
    /// In order; the beginning is always one.
    cuts: Vec<Cut>,
}

/// What the filters are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    cut: Cut,
    end: usize,
}

impl Growing {
    /// Everything that the agent said.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// What may be shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Adds text; `false`, and as much as fits, if it would be longer than `most` bytes.
    pub(super) fn push(&mut self, text: &str, most: usize) -> bool {
        let room = most.saturating_sub(self.raw.len());
        let fits = text.len() <= room;
        let end = if fits { text.len() } else { text.floor_char_boundary(room) };
        self.raw.push_str(text.get(..end).unwrap_or_default());
        fits
    }

    /// Shows all that there is, where there are no filters.
    pub(super) fn pass_all(&mut self) {
        self.shown.push_str(self.raw.get(self.checked..).unwrap_or_default());
        self.checked = self.raw.len();
    }

    /// What to ask the filters now, if they are to be asked: `waited` says that text has waited for long.
    pub(super) fn due(&self, waited: bool) -> Option<Window> {
        let pending = self.raw.get(self.checked..).unwrap_or_default();
        let last = |is_border: fn(char) -> bool| pending.rfind(is_border).map(|at| after(pending, at));
        let end = match last(ends_sentence) {
            Some(end) => Some(end),
            None if pending.len() >= LONGEST_WORD => Some(last(is_border).unwrap_or(pending.len())),
            None if pending.len() >= STEP || waited => last(is_border),
            None => None,
        };
        end.map(|end| Window { cut: self.cut(), end: self.checked + end })
    }

    /// The text of a window.
    pub(super) fn text(&self, window: Window) -> &str {
        self.raw.get(window.cut.raw..window.end).unwrap_or_default()
    }

    /// The filters let a window pass, as `result`.
    pub(super) fn passed(&mut self, window: Window, result: &str) {
        let is_same = result == self.text(window);
        let ends_well = self.raw.get(..window.end).and_then(|text| text.chars().next_back()).is_some_and(is_gap);
        self.shown.truncate(window.cut.shown);
        self.shown.push_str(result);
        self.checked = window.end;
        if !is_same {
            // Places within it lie elsewhere now.
            self.cuts.retain(|cut| cut.raw <= window.cut.raw);
        }
        let last = self.cuts.last().copied().unwrap_or_default();
        if ends_well || window.end - last.raw >= FAR {
            self.cuts.push(Cut { raw: window.end, shown: self.shown.len() });
        }
        // Only the last one that is far enough back is needed, and those after it.
        let start = self.cut();
        self.cuts.retain(|cut| cut.raw >= start.raw);
    }

    /// Where the next window begins: the last place from which it reaches back far enough.
    fn cut(&self) -> Cut {
        let is_far = |cut: &&Cut| self.checked - cut.raw >= LOOK_BACK;
        self.cuts.iter().rev().find(is_far).copied().unwrap_or_default()
    }
}

/// One past the character at `at`.
fn after(text: &str, at: usize) -> usize {
    at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '？' | '；' | '…')
}

/// Between words: spaces and signs, in which no word of a list lies.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || ends_sentence(c) || matches!(c, ',' | ';' | ':' | '，' | '、' | '：')
}

/// Where text may end that is shown: between words, and after any sign of a script that has no spaces.
fn is_border(c: char) -> bool {
    is_gap(c) || matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Says `text` in pieces of `size` characters to a filter that masks `word`, and gives what is shown, and
    /// whether the filter ever saw the whole word.
    fn say(text: &str, size: usize, word: &str) -> (Growing, bool) {
        let (mut growing, mut saw) = (Growing::default(), false);
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(size) {
            growing.push(&piece.iter().collect::<String>(), usize::MAX);
            while let Some(window) = growing.due(true) {
                let seen = growing.text(window).to_owned();
                saw |= seen.contains(word);
                growing.passed(window, &seen.replace(word, "*"));
            }
        }
        (growing, saw)
    }

    proptest! {
        #[test]
        fn a_word_is_seen_whole_wherever_the_pieces_end(
            before in "[a-z ,.]{0,600}",
            after in "[a-z ,.]{0,100}",
            size in 1_usize..40,
        ) {
            let text = format!("{before} secretword {after} ");
            let (growing, saw) = say(&text, size, "secretword");
            prop_assert!(saw, "{text}");
            prop_assert!(!growing.shown().contains("secretword"));
        }

        #[test]
        fn without_a_hit_what_is_shown_is_what_was_said(text in "[a-z你好，。 .]{0,900}", size in 1_usize..30) {
            let (growing, _) = say(&format!("{text}."), size, "QQ");
            prop_assert_eq!(growing.shown(), growing.raw());
        }

        #[test]
        fn windows_stay_short(text in "[a-z]{1,12}( [a-z]{1,12}){300,400}") {
            let mut growing = Growing::default();
            let mut longest = 0;
            for piece in text.split_inclusive(' ') {
                growing.push(piece, usize::MAX);
                if let Some(window) = growing.due(false) {
                    let seen = growing.text(window).to_owned();
                    longest = longest.max(seen.len());
                    growing.passed(window, &seen);
                }
            }
            prop_assert!(longest <= LOOK_BACK + 2 * LONGEST_WORD, "{longest}");
        }
    }

    #[test]
    fn nothing_is_asked_about_each_token() {
        let mut growing = Growing::default();
        growing.push("a few", usize::MAX);
        assert_eq!(growing.due(false), None);
        growing.push(" words.", usize::MAX);
        assert!(growing.due(false).is_some());
    }

    #[test]
    fn half_a_word_is_not_shown_however_long_it_waits() {
        let mut growing = Growing::default();
        growing.push("well secr", usize::MAX);
        let window = growing.due(true).unwrap();
        assert_eq!(growing.text(window), "well ");
    }

    #[test]
    fn too_much_is_cut_at_a_character() {
        let mut growing = Growing::default();
        assert!(!growing.push("好好", 4));
        assert_eq!(growing.raw(), "好");
    }
}
