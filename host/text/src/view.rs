//! Two further views of a normalised text, made only where it gives cause: the squeezed view without
//! separators between characters, and the strict view of words that mix letters with leet signs,
//! accents or look-alikes. Whether a hit in a view counts is decided by `lexicon::verify`.

use unicode_normalization::UnicodeNormalization;

use crate::class::Class;
use crate::fold::{class_of, table};
use crate::offsets::{Derived, OffsetMap};
use crate::twin;

/// A view: its text, and the way back to the normalised text.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) text: String,
    pub(crate) map: OffsetMap,
}

type Views = (Option<Box<View>>, Option<Box<View>>);

/// The squeezed and the strict view, where there is cause for them.
pub(crate) fn views(text: &str) -> Views {
    let mut suspicion = Suspicion::default();
    let table = table();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        suspicion.see(c, table.entry(c).class());
        if c.is_ascii_lowercase() {
            let rest = chars.as_str();
            chars = rest.get(suspicion.see_letters(rest)..).unwrap_or_default().chars();
        }
    }
    suspicion.end_token();
    let strict = suspicion.leet || suspicion.accent || suspicion.twins_only();
    let twins = suspicion.twins_only();
    let squeezed = suspicion.squeeze.then(|| Box::new(squeeze(text)));
    (squeezed, strict.then(|| strictly(text, twins)).flatten().map(Box::new))
}

/// A text without its separators.
pub(crate) fn squeeze(text: &str) -> View {
    let mut out = Derived::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if !class_of(c).is_separator() {
            out.push_char(c, at..at + c.len_utf8());
        }
    }
    let (text, map) = out.finish();
    View { text, map }
}

/// The letters of a word as the strict view shows them; none if the word has anything but ASCII letters.
pub(crate) fn skeleton(word: &str) -> Option<String> {
    word.chars().map(|c| if c == 'l' { Some('i') } else { c.is_ascii_lowercase().then_some(c) }).collect()
}

/// What was seen of a text that calls for a view.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent observation")]
#[derive(Debug, Default)]
struct Suspicion {
    squeeze: bool,
    leet: bool,
    accent: bool,
    /// Letters of a script with Latin twins: such as have one, and such as have none.
    twin: bool,
    untwinned: bool,
    /// Class and character before this one.
    before: Option<(Class, char)>,
    /// The last letter or digit, and what separates it from this character.
    letter: Option<Class>,
    gap: Gap,
    token: usize,
    singles: usize,
}

/// Separators since the last letter or digit.
#[derive(Debug, Default, Clone, Copy)]
struct Gap {
    count: usize,
    soft: bool,
    space: bool,
    hard: bool,
}

impl Suspicion {
    fn see(&mut self, c: char, class: Class) {
        if self.goes_on(c, class) {
            self.token += 1;
        } else if class.is_separator() {
            self.see_separator(c, class);
        } else if class != Class::Mark {
            self.see_letter(c, class);
        }
        self.before = Some((class, c));
    }

    /// Passes over small letters that go on with a word of such, and gives how many there are. They mean
    /// nothing that the one before them did not.
    fn see_letters(&mut self, rest: &str) -> usize {
        let count = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        if let Some(last) = rest.as_bytes().get(..count).and_then(<[u8]>::last) {
            self.before = Some((Class::Latin, char::from(*last)));
            self.token += count;
        }
        count
    }

    /// Whether a word goes on with one more character like the one before, which nearly all of a text does
    /// and which means nothing.
    fn goes_on(&self, c: char, class: Class) -> bool {
        let is_plain = class == Class::Unspaced || class == Class::Latin && c.is_ascii();
        is_plain && self.before.is_some_and(|(before, _)| before == class)
    }

    fn see_separator(&mut self, c: char, class: Class) {
        self.end_token();
        self.gap.count += 1;
        self.gap.soft |= class == Class::Soft;
        self.gap.space |= class == Class::Space;
        self.gap.hard |= class == Class::Hard;
        // A sign after a letter may be one (`a$`), but most words before `!` end there.
        let after_letter = self.before.is_some_and(|(class, _)| class == Class::Latin);
        self.leet |= after_letter && matches!(c, '@' | '$');
    }

    fn see_letter(&mut self, c: char, class: Class) {
        if self.gap.count > 0 {
            self.squeeze |= self.letter.is_some_and(|before| self.gap.hides(before, class));
            self.gap = Gap::default();
        }
        let leet_before =
            self.before.is_some_and(|(class, c)| class == Class::Digit || matches!(c, '@' | '$' | '!' | '|'));
        let latin_before = self.before.is_some_and(|(class, _)| class == Class::Latin);
        self.leet |= class == Class::Latin && leet_before || class == Class::Digit && latin_before;
        self.accent |= class == Class::Latin && !c.is_ascii();
        if class == Class::Twin {
            let has = twin::of_script(c).is_some();
            self.twin |= has;
            self.untwinned |= !has;
        }
        self.letter = Some(class);
        self.token += 1;
    }

    fn end_token(&mut self) {
        match (self.token, self.letter) {
            (0, _) => {}
            (1, Some(class)) if class != Class::Digit => self.singles += 1,
            _ => self.singles = 0,
        }
        // Two letters alone are common in honest text ("a b"), three in a row are spelled out.
        self.squeeze |= self.singles >= 3;
        self.token = 0;
    }

    /// Whether the text is written in letters that all have Latin twins: no genuine text is, beyond a few words.
    fn twins_only(&self) -> bool {
        self.twin && !self.untwinned
    }
}

impl Gap {
    /// Whether this gap may hide a word that goes on after it.
    fn hides(self, before: Class, after: Class) -> bool {
        if self.hard || before == Class::Digit && after == Class::Digit {
            return false;
        }
        let unspaced = before == Class::Unspaced || after == Class::Unspaced;
        // Between Latin words one space is ordinary, and so is a full stop with a space.
        unspaced || !self.space || self.count > 1 && !self.soft
    }
}

/// The strict view: every suspect word as plain letters, each on a line of its own.
fn strictly(text: &str, twins: bool) -> Option<View> {
    let mut out = Derived::with_capacity(16);
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let (length, suspect) = measure(rest, twins);
        if suspect {
            push_skeleton(&mut out, rest.get(..length).unwrap_or_default(), at, twins);
        }
        at += length;
    }
    let (text, map) = out.finish();
    (!text.is_empty()).then_some(View { text, map })
}

/// The length of the word or other character at the start of a text, and whether the strict view shows it.
fn measure(text: &str, twins: bool) -> (usize, bool) {
    let (mut end, mut letters, mut signs) = (0, 0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        match class_of(c) {
            Class::Latin if c.is_ascii() => letters += 1,
            Class::Latin => (letters, signs) = (letters + 1, signs + 1),
            Class::Twin if twins => (letters, signs) = (letters + 1, signs + 1),
            Class::Digit => signs += 1,
            Class::Mark => {}
            _ if matches!(c, '@' | '$') => signs += 1,
            // These two may stand inside a word, but do not end one.
            _ if matches!(c, '!' | '|') && at > 0 => {
                signs += 1;
                continue;
            }
            _ if at == 0 => return (c.len_utf8(), false),
            _ => break,
        }
        end = at + c.len_utf8();
    }
    (end, letters > 0 && signs > 0)
}

fn push_skeleton(out: &mut Derived, word: &str, from: usize, twins: bool) {
    if !out.text.is_empty() {
        out.push_piece("\n", from..from);
    }
    for (at, c) in word.char_indices() {
        let here = from + at..from + at + c.len_utf8();
        let plain = base(c, twins);
        out.push_char(twin::leet(plain).unwrap_or(plain), here);
    }
}

/// The ASCII letter under a letter's accents, or behind its likeness.
fn base(c: char, twins: bool) -> char {
    if c.is_ascii() {
        return c;
    }
    let likeness = if twins { twin::of_script(c) } else { None };
    likeness.or_else(|| std::iter::once(c).nfd().next().filter(char::is_ascii)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> Option<String> {
        views(text).0.map(|view| view.text)
    }

    fn strict(text: &str) -> Option<String> {
        views(text).1.map(|view| view.text)
    }

    #[test]
    fn plain_sentences_have_no_further_view() {
        for text in [
            "the quick brown fox, and a b.",
            "今天天气很好，我们去公园吧。",
            "it cost 3.50 on 2024-01-02",
            "",
            "Привет, как дела?",
        ] {
            assert_eq!((squeezed(text), strict(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn separators_between_characters_give_a_squeezed_view() {
        for (text, view) in [
            ("赌 博", "赌博"),
            ("赌*博", "赌博"),
            ("赌😀博", "赌博"),
            ("f u c k", "fuck"),
            ("f.u.c.k", "fuck"),
            ("fu-ck", "fuck"),
            ("赌,博,网", "赌博网"),
            ("加 vx", "加vx"),
        ] {
            assert_eq!(squeezed(text).as_deref(), Some(view), "{text}");
        }
    }

    #[test]
    fn leet_accents_and_twins_give_a_strict_view() {
        for (text, view) in [("a $h1t b", "shit"), ("fück it", "fuck"), ("ѕех", "sex"), ("h3ll0 w0r1d", "heiio\nworid")]
        {
            assert_eq!(strict(text).as_deref(), Some(view), "{text}");
        }
    }
}
