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
            if lists.iter().take(index).any(|other| other.as_ref() == name) {
                continue;
            }
            if let Some(bit) = builtin::bit(name) {
                built_in |= bit;
            } else {
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
