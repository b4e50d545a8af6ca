//! The language of a text, as far as the bundled agents need to know it.

use serde::{Deserialize, Serialize};

/// A language that the bundled agents have sentences in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What a configuration says about the language of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// That of whoever asks.
    #[default]
    Auto,
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Choice {
    /// The language to answer in: the one chosen, or that of the first of `texts` that shows one; English
    /// otherwise.
    pub fn of<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Language {
        match self {
            Self::Zh => Language::Zh,
            Self::En => Language::En,
            Self::Auto => texts.into_iter().find_map(Language::detect).unwrap_or(Language::En),
        }
    }
}

impl Language {
    /// The language of `text`; `None` if it has no letters that tell.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let han = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
        let words = text.split(|c: char| !c.is_alphabetic() || !c.is_ascii()).filter(|word| word.len() > 1).count();
        match (han, words) {
            (0, 0) => None,
            // A Chinese sentence names products and commands in English; an English one seldom has Chinese in it.
            (han, words) if han * 2 >= words => Some(Self::Zh),
            _ => Some(Self::En),
        }
    }

    /// One of two sentences.
    #[must_use]
    pub const fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_sentence_is_told_in_spite_of_names_from_the_other() {
        assert_eq!(Language::detect("我的 iPhone 15 Pro Max 怎么退货？"), Some(Language::Zh));
        assert_eq!(Language::detect("Where can I buy 豆腐 in the canteen, please?"), Some(Language::En));
        assert_eq!(Language::detect("12:30 !!"), None);
    }

    #[test]
    fn a_text_without_letters_is_answered_in_the_language_of_the_one_before() {
        assert_eq!(Choice::Auto.of(["???", "你好"]), Language::Zh);
        assert_eq!(Choice::En.of(["你好"]), Language::En);
        assert_eq!(Choice::Auto.of(["1"]), Language::En);
    }
}
