//! What a character is to the matcher: a letter with or without word boundaries, or one of the
//! kinds of separator. What a character folds to lives in `fold`.

/// The part that a character plays in deciding where words begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// A symbol, an emoji or a mark of punctuation that people put between characters to hide a word.
    Soft = 0,
    /// White space within a line.
    Space = 1,
    /// Punctuation that ends a phrase, and the end of a line.
    Hard = 2,
    /// A letter of the Latin script.
    Latin = 3,
    /// A letter of a script with Latin look-alikes: Cyrillic, Greek, Armenian.
    Twin = 4,
    /// A letter of another script that separates words.
    Letter = 5,
    /// A digit or another number.
    Digit = 6,
    /// A letter of a script that writes words without separators: Han, kana, Thai and its neighbours.
    Unspaced = 7,
    /// A combining mark that belongs to the letter before it.
    Mark = 8,
}

impl Class {
    const ALL: [Self; 9] = [
        Self::Soft,
        Self::Space,
        Self::Hard,
        Self::Latin,
        Self::Twin,
        Self::Letter,
        Self::Digit,
        Self::Unspaced,
        Self::Mark,
    ];

    /// The class with this number, as the fold table stores it.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self::ALL.get(bits as usize).copied().unwrap_or(Self::Soft)
    }

    /// Whether a neighbour of this class continues a word of a script that separates words.
    pub(crate) const fn continues_word(self) -> bool {
        matches!(self, Self::Latin | Self::Twin | Self::Letter | Self::Digit | Self::Mark)
    }

    /// Whether it stands between words rather than in one.
    pub(crate) const fn is_separator(self) -> bool {
        matches!(self, Self::Soft | Self::Space | Self::Hard)
    }
}

/// Classifies a character by its own properties (Unicode, as the standard library knows it).
pub(crate) fn classify(c: char) -> Class {
    if matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}') || is_phrase_end(c) {
        Class::Hard
    } else if c.is_whitespace() || c == '\u{2800}' {
        // U+2800, the empty Braille pattern, shows as a space.
        Class::Space
    } else if is_unspaced(c) {
        Class::Unspaced
    } else if unicode_normalization::char::is_combining_mark(c) {
        Class::Mark
    } else if c.is_alphabetic() {
        letter(c)
    } else if c.is_numeric() {
        Class::Digit
    } else {
        Class::Soft
    }
}

fn is_phrase_end(c: char) -> bool {
    matches!(
        c,
        ',' | '!' | '?' | ';' | ':' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '"' | '\'' | '`'
            | '\u{2018}'..='\u{201f}' | '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301b}'
            | '\u{ab}' | '\u{bb}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{589}' | '\u{964}' | '\u{965}'
    )
}

fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30fa}' | '\u{30fc}'..='\u{312f}'
            | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}'
            | '\u{e00}'..='\u{e3a}' | '\u{e40}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
    )
}

fn letter(c: char) -> Class {
    match c {
        'a'..='z'
        | 'A'..='Z'
        | '\u{aa}'..='\u{24f}'
        | '\u{250}'..='\u{2af}'
        | '\u{1d00}'..='\u{1d7f}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}'
        | '\u{ab30}'..='\u{ab6f}' => Class::Latin,
        '\u{370}'..='\u{52f}' | '\u{531}'..='\u{587}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}' => {
            Class::Twin
        }
        _ => Class::Letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_separators_are_told_apart() {
        for (c, class) in [
            ('a', Class::Latin),
            ('ü', Class::Latin),
            ('ж', Class::Twin),
            ('α', Class::Twin),
            ('한', Class::Letter),
            ('ע', Class::Letter),
            ('7', Class::Digit),
            ('博', Class::Unspaced),
            ('か', Class::Unspaced),
            ('ไ', Class::Unspaced),
            ('·', Class::Soft),
            ('*', Class::Soft),
            ('😀', Class::Soft),
            (' ', Class::Space),
            ('。', Class::Hard),
            (',', Class::Hard),
            ('\n', Class::Hard),
            ('\u{64e}', Class::Mark),
        ] {
            assert_eq!(classify(c), class, "{c:?}");
        }
    }

    #[test]
    fn every_class_survives_its_number() {
        for class in Class::ALL {
            assert_eq!(Class::from_bits(class as u32), class);
        }
    }
}
