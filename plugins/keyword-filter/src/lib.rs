//! The keyword filter: messages are refused, masked, held, or marked by the word lists that they
//! touch. The host matches the lists; what a hit means is decided here.

mod config;
mod decide;
mod mask;
mod words;

pub use config::{Action, Config, ListRule, Words};
pub use decide::{Found, decide};
pub use mask::mask;
pub use words::OwnWords;

use warbler_sdk::{Body, ContentFilter, Decision, Failure, Message, Plugin, lexicons};

/// The most hits that the host gives in one answer.
const MAX_HITS: usize = 1_000;

/// The plugin: its configuration, and the words written in it, compiled.
pub struct KeywordFilter {
    config: Config,
    own: OwnWords,
    /// All lists that are looked into.
    all: Vec<String>,
    /// The same by what is done about their words, strongest first.
    by_action: Vec<(Action, Vec<String>)>,
}

impl KeywordFilter {
    fn new(config: Config) -> Result<Self, String> {
        let lists = Action::STRONGEST_FIRST.map(|action| (action, config.lists_with(action)));
        let by_action: Vec<_> = lists.into_iter().filter(|(_, lists)| !lists.is_empty()).collect();
        let all = by_action.iter().flat_map(|(_, lists)| lists.iter().cloned()).collect();
        Ok(Self { own: OwnWords::compile(&config.words)?, config, all, by_action })
    }

    /// What is found in a text, list by list and then by the words in the configuration.
    ///
    /// # Errors
    /// A sentence that names a list that there is not.
    fn find(&self, text: &str) -> Result<Vec<Found>, String> {
        let mut found = Vec::new();
        // Nearly every message has none of the words, which one question tells.
        if !self.all.is_empty() && !lexicons::find(&self.all, text)?.is_empty() {
            self.find_by_action(text, &mut found)?;
        }
        self.own.find(text, &mut found);
        Ok(found)
    }

    /// Each action asks by itself, strongest first, because an answer holds 1,000 hits at most and many
    /// weak ones must not crowd out a strong one.
    fn find_by_action(&self, text: &str, found: &mut Vec<Found>) -> Result<(), String> {
        for (action, lists) in &self.by_action {
            let hits = lexicons::find(lists, text)?;
            // Not all that asks for a mask is known then, so a person has to look.
            let action = if *action == Action::Mask && hits.len() >= MAX_HITS { Action::Review } else { *action };
            found.extend(hits.into_iter().map(|hit| Found {
                action,
                label: hit.category,
                rule: hit.word,
                start: hit.start,
                end: hit.end,
            }));
        }
        Ok(())
    }
}

impl Plugin for KeywordFilter {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(Config::parse(config)?)
    }
}

impl ContentFilter for KeywordFilter {
    fn check(&self, message: &Message) -> Result<Decision, Failure> {
        let text = message.body.text();
        let found = self.find(text).map_err(Failure::Misconfigured)?;
        let maskable = matches!(message.body, Body::Text(_));
        Ok(decide(&self.config, text, maskable, found))
    }
}

warbler_sdk::export!(KeywordFilter: ContentFilter);
