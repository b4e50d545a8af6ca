//! The rules: groups of phrases, and what it means when members of several groups stand together.
//! They are data (`rules.json`); this file reads and compiles them.

use std::collections::BTreeMap;

use serde::Deserialize;
use warbler_phrases::Phrases;

const BUNDLED: &str = include_str!("../rules.json");

/// Signals that are found by looking rather than by phrases.
pub(crate) const LINK: &str = "@link";
/// A link that hides where it leads, or claims to be another's.
pub(crate) const SUSPECT_LINK: &str = "@suspect-link";
/// An account of another messenger.
pub(crate) const CONTACT: &str = "@contact";
/// A sum of money.
pub(crate) const MONEY: &str = "@money";
/// A telephone or short code number.
pub(crate) const NUMBER: &str = "@number";
/// What makes a clause a warning of fraud rather than fraud.
const CAUTION: &str = "caution";
/// What makes a whole message likely to be a warning of fraud.
const NOTICE: &str = "notice";

/// The rules as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    groups: BTreeMap<String, Vec<String>>,
    rules: Vec<SourceRule>,
    labels: BTreeMap<String, Advice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRule {
    id: String,
    label: String,
    score: f32,
    all: Vec<String>,
    #[serde(default = "default_window")]
    within: usize,
}

/// Some 40 Chinese characters, or 20 English words.
fn default_window() -> usize {
    120
}

/// What people are told about a kind of fraud.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advice {
    pub(crate) zh: String,
    pub(crate) en: String,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) label: String,
    /// How sure it alone makes.
    pub(crate) score: f32,
    /// The groups of which one member each must be there.
    pub(crate) all: Vec<u16>,
    /// The most bytes of folded text from the first of them to the last, so that Chinese and English
    /// texts that say as much are treated alike.
    pub(crate) within: usize,
}

/// All rules, compiled.
pub struct Rules {
    pub(crate) phrases: Phrases,
    pub(crate) list: Vec<Rule>,
    groups: Vec<String>,
    labels: BTreeMap<String, Advice>,
}

impl Rules {
    /// The rules that come with the plugin.
    ///
    /// # Errors
    /// A sentence, if they contradict themselves.
    pub fn bundled() -> Result<Self, String> {
        Self::parse(BUNDLED)
    }

    fn parse(source: &str) -> Result<Self, String> {
        let source: Source =
            serde_json::from_str(source).map_err(|error| format!("the rules are not valid: {error}"))?;
        let signals = [LINK, SUSPECT_LINK, CONTACT, MONEY, NUMBER];
        let groups: Vec<String> = signals.into_iter().map(String::from).chain(source.groups.keys().cloned()).collect();
        let number = |name: &str| {
            let index = groups.iter().position(|group| group == name);
            index.and_then(|index| u16::try_from(index).ok()).ok_or_else(|| format!("the rules have no group {name:?}"))
        };
        number(CAUTION)?;
        number(NOTICE)?;
        let mut listed = Vec::new();
        for (name, phrases) in &source.groups {
            let id = number(name)?;
            listed.extend(phrases.iter().map(|phrase| (phrase.as_str(), id)));
        }
        let phrases = Phrases::new(listed)?;
        let mut rules = Vec::new();
        for rule in source.rules {
            if !source.labels.contains_key(&rule.label) {
                return Err(format!("the rule {:?} has the unknown label {:?}", rule.id, rule.label));
            }
            let all = rule.all.iter().map(|name| number(name)).collect::<Result<_, _>>()?;
            rules.push(Rule { id: rule.id, label: rule.label, score: rule.score, all, within: rule.within });
        }
        Ok(Self { phrases, list: rules, groups, labels: source.labels })
    }

    /// The number of a group that is known to be there.
    pub(crate) fn group(&self, name: &str) -> u16 {
        let index = self.groups.iter().position(|group| group == name).unwrap_or(usize::MAX);
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// The number of the group that makes a clause a warning.
    pub(crate) fn caution(&self) -> u16 {
        self.group(CAUTION)
    }

    /// The number of the group that makes a message a likely warning.
    pub(crate) fn notice(&self) -> u16 {
        self.group(NOTICE)
    }

    pub(crate) fn advice(&self, label: &str) -> Option<&Advice> {
        self.labels.get(label)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn source() -> Source {
        serde_json::from_str(BUNDLED).unwrap()
    }

    #[test]
    fn the_bundled_rules_are_sound() {
        let rules = Rules::bundled().unwrap();
        assert!(rules.list.len() > 20);
        for rule in &rules.list {
            assert!(rule.score > 0.0 && rule.score < 1.0 && !rule.all.is_empty(), "{}", rule.id);
        }
        let mut ids: Vec<_> = rules.list.iter().map(|rule| &rule.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), rules.list.len());
        let longest = source().groups.into_values().flatten().map(|phrase| phrase.len()).max().unwrap();
        assert!(longest <= crate::signals::LONGEST_PHRASE, "{longest}");
    }

    #[test]
    fn a_rule_without_its_group_is_refused() {
        let source = r#"{"groups":{"caution":[],"notice":[]},"labels":{"a":{"zh":"","en":""}},
            "rules":[{"id":"r","label":"a","score":0.5,"all":["nothing"]}]}"#;
        assert_eq!(Rules::parse(source).err().unwrap(), "the rules have no group \"nothing\"");
    }
}
