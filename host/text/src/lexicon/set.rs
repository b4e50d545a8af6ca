//! The word lists that one tenant may search: its own and the built-in ones. A set never changes; a
//! change makes a new set that shares all other lists, for the caller to put in the old one's place.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::builtin;
use super::{Hit, Lexicon, MAX_HITS};
use crate::{LexiconError, Normalised, normalise};

/// Word lists by name.
#[derive(Debug, Clone, Default)]
pub struct LexiconSet {
    lists: BTreeMap<Arc<str>, Arc<Lexicon>>,
}

impl LexiconSet {
    /// A set with the built-in lists alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This set with a list added, or put in the place of the one of the same name.
    #[must_use]
    pub fn with_list(&self, list: Arc<Lexicon>) -> Self {
        let mut lists = self.lists.clone();
        lists.insert(list.name().clone(), list);
        Self { lists }
    }

    /// This set without the list of that name.
    #[must_use]
    pub fn without_list(&self, name: &str) -> Self {
        let mut lists = self.lists.clone();
        lists.remove(name);
        Self { lists }
    }

    /// The tenant's own list of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Lexicon>> {
        self.lists.get(name)
    }

    /// The names of all lists: the tenant's own in order, then the built-in ones.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.lists.keys().map(|name| &**name);
        own.chain(builtin::names().map(|name| -> &str { name }))
    }

    /// Hits of the lists named, in order of their start, at most 1,000. Hits of one list do not
    /// overlap, those of two may.
    ///
    /// # Errors
    /// [`LexiconError::UnknownList`] names the first list that there is not.
    pub fn find(&self, lists: &[impl AsRef<str>], text: &Normalised) -> Result<Vec<Hit>, LexiconError> {
        let mut hits = Vec::new();
        let mut built_in = 0_u64;
        for (index, name) in lists.iter().map(AsRef::as_ref).enumerate() {
            if let Some(bit) = builtin::bit(name) {
                built_in |= bit;
            } else if !lists.iter().take(index).any(|other| other.as_ref() == name) {
                let list = self.lists.get(name).ok_or_else(|| LexiconError::UnknownList { name: name.into() })?;
                hits.append(&mut list.find(text));
            }
        }
        if built_in != 0 {
            builtin::find(text, built_in, &mut hits);
        }
        hits.sort_by_key(|hit| hit.start);
        hits.truncate(MAX_HITS);
        Ok(hits)
    }
}

/// The lists of one tenant beside one message, which is normalised once, when a filter first asks.
#[derive(Debug)]
pub struct MessageLexicons {
    lists: Arc<LexiconSet>,
    text: Arc<str>,
    normalised: OnceLock<Normalised>,
}

impl MessageLexicons {
    /// For a message of this text.
    #[must_use]
    pub fn new(lists: Arc<LexiconSet>, text: impl Into<Arc<str>>) -> Self {
        Self { lists, text: text.into(), normalised: OnceLock::new() }
    }

    /// The message's text, normalised.
    pub fn normalised(&self) -> &Normalised {
        self.normalised.get_or_init(|| normalise(&self.text))
    }

    /// The lists.
    #[must_use]
    pub fn lists(&self) -> &Arc<LexiconSet> {
        &self.lists
    }

    /// Hits of the lists named in a text, which is normalised anew only if it is not the message's: a
    /// filter may ask about another, such as what it would make of it.
    ///
    /// # Errors
    /// [`LexiconError::UnknownList`] names the first list that there is not.
    pub fn find(&self, lists: &[impl AsRef<str>], text: &str) -> Result<Vec<Hit>, LexiconError> {
        if text == &*self.text {
            self.lists.find(lists, self.normalised())
        } else {
            self.lists.find(lists, &normalise(text))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Entry, Mode};

    fn list(name: &str, words: &[&str]) -> Arc<Lexicon> {
        let entry = |word: &&str| Entry { word: (*word).into(), category: "own".into(), mode: Mode::Word };
        Arc::new(Lexicon::compile(name, words.iter().map(entry)).unwrap())
    }

    fn words(set: &LexiconSet, lists: &[&str], text: &str) -> Vec<String> {
        let hits = set.find(lists, &normalise(text)).unwrap();
        hits.iter().map(|hit| format!("{}:{}", hit.list, hit.word)).collect()
    }

    #[test]
    fn own_and_built_in_lists_are_searched_together_in_order() {
        let set = LexiconSet::new().with_list(list("own", &["竞品"]));
        let found = words(&set, &["builtin-gambling", "own", "own"], "竞品是赌博网站的竞品");
        assert_eq!(found, ["own:竞品", "builtin-gambling:赌博网站", "own:竞品"]);
    }

    #[test]
    fn a_changed_set_leaves_the_old_one_as_it_was() {
        let old = LexiconSet::new().with_list(list("own", &["a1"]));
        let new = old.with_list(list("own", &["b2"]));
        assert_eq!(words(&old, &["own"], "a1 b2"), ["own:a1"]);
        assert_eq!(words(&new, &["own"], "a1 b2"), ["own:b2"]);
        assert!(new.without_list("own").get("own").is_none());
    }

    #[test]
    fn an_unknown_list_is_named() {
        let error = LexiconSet::new().find(&["nowhere"], &normalise("")).unwrap_err();
        assert_eq!(error.to_string(), "there is no word list \"nowhere\"");
    }

    #[test]
    fn names_that_look_built_in_are_refused() {
        for name in ["builtin-mine", "", "Upper", "with space", &"a".repeat(65)] {
            assert!(matches!(Lexicon::compile(name, []), Err(LexiconError::BadName { .. })), "{name}");
        }
    }

    #[test]
    fn a_message_and_another_text_are_both_searched() {
        let set = Arc::new(LexiconSet::new().with_list(list("own", &["b2"])));
        let message = MessageLexicons::new(set, "a b2");
        assert_eq!(message.find(&["own"], "a b2").unwrap().len(), 1);
        assert_eq!(message.find(&["own"], "a **").unwrap().len(), 0);
    }
}
