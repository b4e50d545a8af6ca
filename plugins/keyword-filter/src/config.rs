//! The configuration: which lists and words are looked for, and what is done about each. The form
//! that admins fill in is in `manifest.json`; both say the same.

use serde::{Deserialize, Serialize};

/// What is done about a message with a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Record it.
    Flag,
    /// Deliver with a caution.
    Warn,
    /// Deliver with the hit masked.
    Mask,
    /// Hold it for a moderator.
    Review,
    /// Refuse it.
    Block,
}

impl Action {
    /// All actions, strongest first.
    pub const STRONGEST_FIRST: [Self; 5] = [Self::Block, Self::Review, Self::Mask, Self::Warn, Self::Flag];
}

/// A word list and what is done about its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRule {
    /// The list's name: one of the tenant's own, or a built-in one.
    pub name: String,
    /// What is done.
    pub action: Action,
}

/// Words written into the configuration, by what is done about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// Refused.
    pub block: Vec<String>,
    /// Held for a moderator.
    pub review: Vec<String>,
    /// Masked.
    pub mask: Vec<String>,
    /// Delivered with a caution.
    pub warn: Vec<String>,
    /// Recorded.
    pub flag: Vec<String>,
}

impl Words {
    /// The words with what is done about them.
    pub fn by_action(&self) -> impl Iterator<Item = (Action, &str)> {
        let lists = [
            (Action::Block, &self.block),
            (Action::Review, &self.review),
            (Action::Mask, &self.mask),
            (Action::Warn, &self.warn),
            (Action::Flag, &self.flag),
        ];
        lists.into_iter().flat_map(|(action, words)| words.iter().map(move |word| (action, word.as_str())))
    }
}

/// The configuration of one installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Word lists, each with what is done about it.
    pub lists: Vec<ListRule>,
    /// Words beside the lists.
    pub words: Words,
    /// The sign that masks a character.
    pub mask_with: char,
    /// Whether the sender of a refused message is invited to edit it.
    pub may_edit: bool,
    /// What people are told; `{category}` stands for the category of the first hit.
    pub text: String,
}

/// Words in the configuration that the manifest allows; more belong into a word list.
const MAX_WORDS: usize = 5 * 1_000;

impl Default for Config {
    fn default() -> Self {
        let rule = |(name, action): (&str, Action)| ListRule { name: name.into(), action };
        let lists = [
            ("builtin-profanity", Action::Mask),
            ("builtin-harassment", Action::Review),
            ("builtin-sexual", Action::Block),
            ("builtin-drugs", Action::Review),
            ("builtin-weapons", Action::Review),
            ("builtin-gambling", Action::Block),
            ("builtin-advertising", Action::Review),
            ("builtin-fraud", Action::Flag),
        ];
        Self {
            lists: lists.map(rule).into(),
            words: Words::default(),
            mask_with: '*',
            may_edit: true,
            text:
                "This message breaks the rules of this workspace ({category}). / 消息违反了本空间的规则（{category}）。"
                    .into(),
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A sentence that names the field and its limit.
    pub fn parse(config: &str) -> Result<Self, String> {
        let config: Self = warbler_sdk::config::parse(config)?;
        let count = config.words.by_action().count();
        if count > MAX_WORDS {
            return Err(format!(
                "`words` has {count} words; at most {MAX_WORDS} are allowed, more belong into a word list"
            ));
        }
        if let Some((action, _)) = config.words.by_action().find(|(_, word)| word.trim().is_empty()) {
            return Err(format!("`words` has an empty word for {action:?}"));
        }
        if config.mask_with.is_whitespace() || config.mask_with.is_control() {
            return Err("`mask_with` must be a visible character".into());
        }
        Ok(config)
    }

    /// The names of the lists with this action, without the words of an action twice.
    #[must_use]
    pub fn lists_with(&self, action: Action) -> Vec<String> {
        self.lists.iter().filter(|list| list.action == action).map(|list| list.name.clone()).collect()
    }

    /// What people are told about a category.
    #[must_use]
    pub fn text_for(&self, category: &str) -> String {
        self.text.replace("{category}", category)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_empty_configuration_has_the_built_in_lists() {
        assert_eq!(Config::parse("{}").unwrap(), Config::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (config, mistake) in [
            (r#"{"list": []}"#, "unknown field `list`"),
            (r#"{"lists": [{"name": "a", "action": "ban"}]}"#, "unknown variant `ban`"),
            (r#"{"words": {"mask": [" "]}}"#, "an empty word for Mask"),
            (r#"{"mask_with": " "}"#, "`mask_with` must be a visible character"),
        ] {
            let sentence = Config::parse(config).unwrap_err();
            assert!(sentence.contains(mistake), "{sentence}");
        }
    }
}
