//! From signals to a score, from a score to a decision, with the reasons for both.

use std::collections::BTreeMap;

use warbler_phrases::{Folded, is_han};
use warbler_sdk::{Decision, Finding, Reason, Verdict};

use crate::config::{Config, Language};
use crate::rules::{Rule, Rules};
use crate::sentences::Clauses;
use crate::signals::{Signal, signals};

/// A rule that holds, with the part of the original text that it holds for.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The kind of fraud.
    pub label: String,
    /// The rule.
    pub rule: String,
    /// First byte in the original text.
    pub start: u32,
    /// One past the last byte in the original text.
    pub end: u32,
    /// How sure this rule alone makes, from 0 to 1.
    pub score: f32,
}

/// What is thought of a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assessment {
    /// How likely it is fraud, from 0 to 1.
    pub score: f32,
    /// Why, surest first.
    pub matches: Vec<Match>,
}

/// The score from which findings are recorded; below it they are noise.
const FLAG_AT: f32 = 0.3;
/// What is left of every score in a message that warns of fraud.
const NOTICE_FACTOR: f32 = 0.45;

/// Judges a text.
#[must_use]
pub fn assess(rules: &Rules, config: &Config, text: &str) -> Assessment {
    let folded = Folded::new(text);
    let signals = signals(rules, &config.trusted_hosts, &folded);
    if signals.is_empty() {
        return Assessment::default();
    }
    let scene = Scene::new(Clauses::of(folded.text()), rules.caution, signals);
    let noticed = !scene.members(rules.notice).is_empty();
    let factor = if noticed { NOTICE_FACTOR } else { 1.0 };
    let mut matches = Vec::new();
    for rule in rules.list.iter().filter(|rule| !config.without.contains(&rule.label)) {
        if let Some((start, end)) = scene.place_of(rule) {
            let place = folded.original(start..end);
            let (label, id) = (rule.label.clone(), rule.id.clone());
            matches.push(Match { label, rule: id, start: place.start, end: place.end, score: rule.score * factor });
        }
    }
    matches.sort_by(|a, b| b.score.total_cmp(&a.score));
    // Rules are taken as independent witnesses: each leaves less room for doubt.
    let doubt: f32 = matches.iter().map(|found| 1.0 - found.score).product();
    Assessment { score: 1.0 - doubt, matches }
}

/// Decides by the thresholds of the configuration.
#[must_use]
pub fn decide(config: &Config, text: &str, rules: &Rules, assessment: &Assessment) -> Decision {
    let score = assessment.score;
    let Some(first) = assessment.matches.first().filter(|_| score >= FLAG_AT.min(config.warn_at)) else {
        return Decision::pass();
    };
    let reached = |threshold: Option<f32>| threshold.is_some_and(|threshold| score >= threshold);
    let reason = || Reason::new(format!("fraud-{}", first.label), advice(config.language, text, rules, &first.label));
    let verdict = if reached(config.reject_at) {
        Verdict::Reject((reason(), false))
    } else if reached(config.hold_at) {
        Verdict::Hold(reason())
    } else if score >= config.warn_at {
        Verdict::Warn(reason())
    } else {
        Verdict::Flag
    };
    Decision { verdict, findings: assessment.matches.iter().map(finding).collect() }
}

fn finding(found: &Match) -> Finding {
    let Match { label, rule, start, end, score } = found.clone();
    Finding { label, rule, start, end, score }
}

fn advice(language: Language, text: &str, rules: &Rules, label: &str) -> String {
    let chinese = match language {
        Language::Zh => true,
        Language::En => false,
        Language::Auto => text.chars().any(is_han),
    };
    let advice = rules.advice(label).cloned();
    advice.map(|advice| if chinese { advice.zh } else { advice.en }).unwrap_or_default()
}

/// A text's signals, by group and in order of their start, and its clauses.
struct Scene {
    groups: BTreeMap<u16, Vec<Signal>>,
    clauses: Clauses,
    caution: u16,
}

/// Members of a group looked at to either side of an anchor: the nearest may be taken already.
const NEAREST: usize = 3;

impl Scene {
    fn new(clauses: Clauses, caution: u16, signals: Vec<Signal>) -> Self {
        let mut groups: BTreeMap<u16, Vec<Signal>> = BTreeMap::new();
        for signal in signals {
            groups.entry(signal.group).or_default().push(signal);
        }
        Self { groups, clauses, caution }
    }

    fn members(&self, group: u16) -> &[Signal] {
        self.groups.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Where a rule holds: the narrowest place that no caution speaks against.
    fn place_of(&self, rule: &Rule) -> Option<(usize, usize)> {
        if rule.all.iter().any(|group| self.members(*group).is_empty()) {
            return None;
        }
        let anchors = self.members(*rule.all.first()?).iter();
        let places = anchors.filter_map(|anchor| self.around(anchor, rule));
        places.filter(|place| !self.is_cautioned(*place)).min_by_key(|(start, end)| (end - start, *start))
    }

    /// The nearest members of a rule's other groups around one of its first.
    fn around(&self, anchor: &Signal, rule: &Rule) -> Option<(usize, usize)> {
        let mut taken = vec![*anchor];
        let (mut start, mut end) = (anchor.start, anchor.end);
        for group in rule.all.iter().skip(1) {
            let members = self.members(*group);
            let here = members.partition_point(|signal| signal.start < anchor.start);
            let near = members.iter().skip(here.saturating_sub(NEAREST)).take(2 * NEAREST);
            let apart =
                |signal: &&Signal| taken.iter().all(|other| signal.end <= other.start || signal.start >= other.end);
            let width = |signal: &&Signal| end.max(signal.end) - start.min(signal.start);
            let nearest = *near.filter(apart).min_by_key(width)?;
            taken.push(nearest);
            (start, end) = (start.min(nearest.start), end.max(nearest.end));
        }
        (end - start <= rule.within).then_some((start, end))
    }

    /// Whether a clause of this place says not to do what it names.
    fn is_cautioned(&self, (start, end): (usize, usize)) -> bool {
        let (from, to) = self.clauses.around(start, end);
        let cautions = self.members(self.caution);
        let first = cautions.partition_point(|signal| signal.start < from);
        cautions.get(first).is_some_and(|signal| signal.end <= to)
    }
}
