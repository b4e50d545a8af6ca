//! The conformance suite of content filters: what a host relies on, whatever the filter is for. The part about
//! configurations is every hook's.

use std::collections::BTreeMap;

use warbler_domain::{Body, Decision, HookError, LoadError, Refusal, with_causes};
use warbler_package::Permission;

use super::case::message;
use super::expect::explain;
use super::harness::{Harness, NotReady, Ready, Setting};
use super::{Tally, corpus};

/// How often the whole corpus is gone through to see whether memory stays within its limit.
const ROUNDS: usize = 40;

/// Configurations that no schema would let through, or that are no JSON at all.
pub(super) const BAD_CONFIGS: [(&str, &str); 6] = [
    ("no JSON", "\u{1}not json"),
    ("cut off", "{\"words\": [\"a\""),
    ("an array", "[]"),
    ("a number", "12"),
    ("an unknown setting", "{\"warbler-has-no-such-setting\": {\"deep\": [[[]]]}}"),
    ("a setting of a strange type", "{\"words\": {\"0\": false}, \"action\": [[]], \"rules\": 0, \"mode\": null}"),
];

/// Runs the suite with the plugin set up as `setting` says.
pub(super) async fn run(harness: &mut Harness, setting: Setting, tally: &mut Tally) {
    let may_be_away = harness.package().manifest().permissions.has(Permission::Http);
    match harness.ready(&setting).await {
        Ok(ready) => {
            for (name, body) in corpus::bodies() {
                let outcome = answers(&ready, body, may_be_away).await;
                tally.count(&format!("answers {name}"), &outcome);
            }
            tally.count("gives the same answer twice", &same_twice(&ready).await);
            tally.count("stays within its memory", &stays_within_memory(&ready).await);
        }
        Err(NotReady::Setting(text)) => tally.count("starts", &Err(text)),
        Err(NotReady::Load(error)) => tally.count("starts", &Err(with_causes(&error))),
    }
    configs(harness, tally).await;
}

/// Configurations that no schema would let through: `init` must take or refuse them.
pub(super) async fn configs(harness: &mut Harness, tally: &mut Tally) {
    for (name, config) in BAD_CONFIGS {
        let outcome = bears(harness, config).await;
        tally.count(&format!("bears a configuration that is {name}"), &outcome);
    }
    drop(harness.take_logs());
}

/// Whether a message is answered, with findings that point at characters of its text.
async fn answers(ready: &Ready, body: Body, may_be_away: bool) -> Result<(), String> {
    let is_text = matches!(body, Body::Text { .. });
    let message = message(body);
    match ready.check(&message).await {
        Ok(decision) => check_findings(&decision, message.body.text().unwrap_or_default()),
        Err(HookError::Refused(Refusal::Unsupported { .. })) if !is_text => Ok(()),
        Err(HookError::Refused(Refusal::Unavailable { .. })) if may_be_away => Ok(()),
        Err(error) => Err(explain(&error)),
    }
}

fn check_findings(decision: &Decision, text: &str) -> Result<(), String> {
    for finding in &decision.findings {
        if text.get(finding.start as usize..finding.end as usize).is_none() {
            return Err(format!("a finding is not on characters of the text: {finding:?}"));
        }
        if !(0.0..=1.0).contains(&finding.score) {
            return Err(format!("a score is not between 0 and 1: {finding:?}"));
        }
    }
    Ok(())
}

/// A filter that answers by chance cannot be explained, replayed or compared with its next version.
async fn same_twice(ready: &Ready) -> Result<(), String> {
    for (name, body) in corpus::bodies() {
        let message = message(body);
        let (first, second) = (ready.check(&message).await, ready.check(&message).await);
        if let (Ok(first), Ok(second)) = (&first, &second)
            && first != second
        {
            return Err(format!("{name}: {first:?}\nand then {second:?}"));
        }
    }
    Ok(())
}

async fn stays_within_memory(ready: &Ready) -> Result<(), String> {
    for round in 1..=ROUNDS {
        for (name, body) in corpus::bodies() {
            if let Err(error @ HookError::OutOfMemory { .. }) = ready.check(&message(body)).await {
                return Err(format!("round {round}, {name}: {}", explain(&error)));
            }
        }
    }
    Ok(())
}

/// Whether `init` takes a configuration or refuses it with a sentence. It must not trap: an admin could
/// not tell from that what is wrong.
async fn bears(harness: &Harness, config: &str) -> Result<(), String> {
    match harness.load(config.to_owned(), BTreeMap::new()).await {
        Ok(_) => Ok(()),
        Err(LoadError::InitRefused { text }) if !text.trim().is_empty() => Ok(()),
        Err(LoadError::InitRefused { .. }) => Err("init refuses it without a word".to_owned()),
        Err(error) => Err(with_causes(&error)),
    }
}
