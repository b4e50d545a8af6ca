//! Words written into the configuration: found here, since the host knows only named lists. Case,
//! width, invisible characters and separators between Han characters make no difference.

use warbler_phrases::{Folded, Phrases};

use crate::config::{Action, Words};
use crate::decide::Found;

/// The label of hits of words in the configuration.
const LABEL: &str = "custom";

/// The configuration's words, compiled.
#[derive(Default)]
pub struct OwnWords {
    phrases: Phrases,
    listed: Vec<(Action, String)>,
}

impl OwnWords {
    /// Compiles the words.
    ///
    /// # Errors
    /// A sentence, if they cannot be compiled.
    pub fn compile(words: &Words) -> Result<Self, String> {
        let listed: Vec<(Action, String)> =
            words.by_action().map(|(action, word)| (action, word.trim().to_owned())).collect();
        let phrases = Phrases::new(listed.iter().zip(0..).map(|((_, word), id)| (word.as_str(), id)))?;
        Ok(Self { phrases, listed })
    }

    /// Adds what is found in a text.
    pub fn find(&self, text: &str, found: &mut Vec<Found>) {
        if self.listed.is_empty() {
            return;
        }
        let folded = Folded::new(text);
        for hit in self.phrases.find(folded.text()) {
            let Some((action, word)) = self.listed.get(usize::from(hit.id)) else { continue };
            let range = folded.original(hit.start..hit.end);
            found.push(Found {
                action: *action,
                label: LABEL.into(),
                rule: word.clone(),
                start: range.start,
                end: range.end,
            });
        }
    }
}
