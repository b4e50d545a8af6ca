//! The word lists beside one message, as filters are lent them. The matching is `warbler_text`'s work.

use std::collections::BTreeSet;
use std::sync::Arc;

use warbler_domain::{Body, Finding, LexiconHit, Lexicons};
use warbler_text::{Hit, LexiconSet, MessageLexicons};

/// One tenant's lists at the time of one message, whose text is normalised once for all filters.
#[derive(Debug)]
pub(crate) struct MessageWords {
    lists: MessageLexicons,
}

impl MessageWords {
    pub(crate) fn new(lists: &Arc<LexiconSet>, body: &Body) -> Self {
        Self { lists: MessageLexicons::new(Arc::clone(lists), body.text().unwrap_or_default()) }
    }

    /// Words of the host's built-in lists in `text`.
    pub(super) fn built_in(&self, text: &str) -> Vec<Finding> {
        let built_in = LexiconSet::new();
        let names: Vec<&str> = built_in.names().collect();
        // The names are the host's own, so that none of them is unknown.
        let hits = self.lists.find(&names, text).unwrap_or_default();
        let finding = |hit: Hit| Finding {
            label: hit.category.to_string(),
            rule: hit.list.to_string(),
            start: hit.start,
            end: hit.end,
            score: 1.0,
        };
        hits.into_iter().map(finding).collect()
    }
}

impl Lexicons for MessageWords {
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String> {
        let hit = |hit: Hit| LexiconHit {
            word: hit.word.to_string(),
            category: hit.category.to_string(),
            start: hit.start,
            end: hit.end,
        };
        let hits = self.lists.find(lists, text).map_err(|error| error.to_string())?;
        Ok(hits.into_iter().map(hit).collect())
    }
}

/// The lists of some names alone.
pub(super) struct GrantedWords {
    pub(super) names: Arc<BTreeSet<String>>,
    pub(super) words: Arc<MessageWords>,
}

impl Lexicons for GrantedWords {
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String> {
        match lists.iter().find(|name| !self.names.contains(*name)) {
            Some(name) => Err(format!("the word list {name:?} is not granted")),
            None => self.words.find(lists, text),
        }
    }
}
