//! The rules: groups of phrases, and what it means when members of several groups stand together.
//! They are data (`rules.json`); this file reads and compiles them.

use std::collections::BTreeMap;

use serde::Deserialize;
use warbler_phrases::Phrases;

const BUNDLED: &str = include_str!("../rules.json");

/// Signals that are found by looking rather than by phrases, as rules name them. Their groups come first.
pub(crate) const SIGNALS: [&str; 5] = ["@link", "@suspect-link", "@contact", "@money", "@number"];
/// The group of links.
pub(crate) const LINK: u16 = 0;
/// Links that hide where they lead, or claim to be another's.
pub(crate) const SUSPECT_LINK: u16 = 1;
/// Accounts of other messengers.
pub(crate) const CONTACT: u16 = 2;
/// Sums of money.
pub(crate) const MONEY: u16 = 3;
/// Telephone and short code numbers.
pub(crate) const NUMBER: u16 = 4;
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
    /// The same as a set.
    needs: GroupSet,
    /// The most bytes of folded text from the first of them to the last, so that Chinese and English
    /// texts that say as much are treated alike.
    pub(crate) within: usize,
}

/// Groups, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GroupSet(u128);

impl GroupSet {
    /// Groups that a set has room for.
    const ROOM: usize = 128;

    fn of(groups: impl IntoIterator<Item = u16>) -> Self {
        Self(groups.into_iter().fold(0, |set, group| set | 1_u128.checked_shl(group.into()).unwrap_or(0)))
    }
}

/// All rules, compiled.
pub struct Rules {
    pub(crate) phrases: Phrases,
    pub(crate) list: Vec<Rule>,
    /// The group that makes a clause a warning.
    pub(crate) caution: u16,
    /// The group that makes a message a likely warning.
    pub(crate) notice: u16,
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

    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let source: Source =
            serde_json::from_str(source).map_err(|error| format!("the rules are not valid: {error}"))?;
        let groups: Vec<&str> = SIGNALS.into_iter().chain(source.groups.keys().map(String::as_str)).collect();
        if groups.len() > GroupSet::ROOM {
            return Err(format!("the rules have {} groups, and {} are the most", groups.len(), GroupSet::ROOM));
        }
        let number = |name: &str| {
            let index = groups.iter().position(|group| *group == name);
            index.and_then(|index| u16::try_from(index).ok()).ok_or_else(|| format!("the rules have no group {name:?}"))
        };
        let (caution, notice) = (number(CAUTION)?, number(NOTICE)?);
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
            let all: Vec<u16> = rule.all.iter().map(|name| number(name)).collect::<Result<_, _>>()?;
            let needs = GroupSet::of(all.iter().copied());
            rules.push(Rule { id: rule.id, label: rule.label, score: rule.score, all, needs, within: rule.within });
        }
        Ok(Self { phrases, list: rules, caution, notice, labels: source.labels })
    }

    /// Whether signals of these groups could satisfy any rule. Most messages have some signal, and few
    /// have all that a rule asks for.
    pub(crate) fn may_hold(&self, groups: impl Iterator<Item = u16>) -> bool {
        let present = GroupSet::of(groups);
        self.list.iter().any(|rule| rule.needs.0 & !present.0 == 0)
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
