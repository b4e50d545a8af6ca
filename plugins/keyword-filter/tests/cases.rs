//! The cases in `cases/*.json`, and how often the filter is wrong about honest texts, over the lists
//! and the normaliser of the host itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::fs;
use std::path::Path;

use keyword_filter::{Action, Config, Found, OwnWords, decide};
use warbler_sdk::{Body, Decision, Verdict};
use warbler_text::{LexiconSet, normalise};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    text: String,
    #[serde(default)]
    config: Option<serde_json::Value>,
    verdict: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    becomes: Option<String>,
}

/// Decides as the plugin does, with the host's matcher in the place of the import.
fn check(config: &Config, text: &str) -> Decision {
    let (set, normal) = (LexiconSet::new(), normalise(text));
    let mut found = Vec::new();
    for action in Action::STRONGEST_FIRST {
        let hits = set.find(&config.lists_with(action), &normal).unwrap();
        found.extend(hits.into_iter().map(|hit| Found {
            action,
            label: hit.category.to_string(),
            rule: hit.word.to_string(),
            start: hit.start,
            end: hit.end,
        }));
    }
    OwnWords::compile(&config.words).unwrap().find(text, &mut found);
    decide(config, text, true, found)
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Flag => "flag",
        Verdict::Warn(_) => "warn",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Hold(_) => "hold",
        Verdict::Discard(_) => "discard",
        Verdict::Reject(_) => "reject",
    }
}

fn code(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Warn(reason) | Verdict::Hold(reason) | Verdict::Reject((reason, _)) => Some(reason.code.clone()),
        _ => None,
    }
}

#[test]
fn every_case_is_decided_as_it_says() {
    let mut count = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap() {
        let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for case in cases {
            let config = case.config.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string);
            let decision = check(&Config::parse(&config).unwrap(), &case.text);
            assert_eq!(name(&decision.verdict), case.verdict, "{}: {decision:?}", case.name);
            assert_eq!(code(&decision.verdict), case.code, "{}", case.name);
            let becomes = match decision.verdict {
                Verdict::Rewrite(Body::Text(text)) => Some(text),
                _ => None,
            };
            assert_eq!(becomes, case.becomes, "{}", case.name);
            count += 1;
        }
    }
    assert!(count > 20, "only {count} cases were read");
}

#[test]
fn a_masked_text_passes() {
    let config = Config::default();
    for text in ["你这个傻逼东西，王 八 蛋", "you a.s.s.h.o.l.e and bitch"] {
        let Verdict::Rewrite(Body::Text(masked)) = check(&config, text).verdict else { panic!("{text} is not masked") };
        assert_eq!(check(&config, &masked).verdict, Verdict::Pass, "{masked}");
    }
}

#[test]
fn at_most_one_honest_text_in_two_hundred_is_touched() {
    let config = Config::default();
    let sms = warbler_texts::sms().unwrap();
    for (kind, texts) in [("reviews", warbler_texts::reviews().unwrap()), ("sms", sms.ham)] {
        let touched = texts.iter().filter(|text| check(&config, text).verdict != Verdict::Pass).count();
        println!("{kind}: {touched} of {} touched", texts.len());
        assert!(texts.len() > 4_000 && touched * 200 <= texts.len(), "{kind}: {touched} of {}", texts.len());
    }
    let spam = sms.spam.iter().filter(|text| check(&config, text).verdict != Verdict::Pass).count();
    println!("spam: {spam} of {} found", sms.spam.len());
}
