//! The anti-fraud filter: recognises fraud by what a message asks for, in Chinese and English, and
//! says why. One phrase alone decides little; what stands together does.

mod config;
mod decide;
mod links;
mod rules;
mod sentences;
mod signals;

pub use config::{Config, Language};
pub use decide::{Assessment, Match, assess, decide};
pub use rules::Rules;

use warbler_sdk::{ContentFilter, Decision, Failure, Message, Plugin};

/// The plugin: its configuration, and its rules, compiled.
pub struct AntiFraud {
    config: Config,
    rules: Rules,
}

impl AntiFraud {
    /// Judges a text.
    #[must_use]
    pub fn check_text(&self, text: &str) -> Decision {
        decide(&self.config, text, &self.rules, &assess(&self.rules, &self.config, text))
    }
}

impl Plugin for AntiFraud {
    fn init(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::parse(config)?, rules: Rules::bundled()? })
    }
}

impl ContentFilter for AntiFraud {
    fn check(&self, message: &Message) -> Result<Decision, Failure> {
        Ok(self.check_text(message.body.text()))
    }
}

warbler_sdk::export!(AntiFraud: ContentFilter);
