//! The cases in `cases/*.json`: texts of fraud with the kind that is to be named, honest texts that
//! are to pass; and how often the filter is wrong about honest texts that others wrote.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::fs;
use std::path::Path;

use anti_fraud::{Config, Rules, assess, decide};
use warbler_sdk::{ContentFilter, Decision, Plugin, Verdict, testing};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    text: String,
    /// The weakest verdict that will do; absent for texts that are to pass.
    #[serde(default)]
    least: Option<String>,
    /// A kind of fraud that is to be among the findings.
    #[serde(default)]
    label: Option<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    files.flat_map(|file| serde_json::from_str::<Vec<Case>>(&file).unwrap()).collect()
}

fn check(rules: &Rules, text: &str) -> Decision {
    let config = Config::default();
    decide(&config, text, rules, &assess(rules, &config, text))
}

fn strength(verdict: &Verdict) -> usize {
    let names = ["pass", "flag", "warn", "rewrite", "hold", "discard", "reject"];
    let name = match verdict {
        Verdict::Pass => "pass",
        Verdict::Flag => "flag",
        Verdict::Warn(_) => "warn",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Hold(_) => "hold",
        Verdict::Discard(_) => "discard",
        Verdict::Reject(_) => "reject",
    };
    names.iter().position(|known| *known == name).unwrap()
}

#[test]
fn fraud_is_recognised_by_its_kind_and_honest_texts_pass() {
    let rules = Rules::bundled().unwrap();
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let decision = check(&rules, &case.text);
        let labels: Vec<&str> = decision.findings.iter().map(|finding| finding.label.as_str()).collect();
        let right = match case.least.as_deref() {
            None => decision.verdict == Verdict::Pass,
            Some("warn") => {
                let named = case.label.as_deref().is_none_or(|label| labels.contains(&label));
                strength(&decision.verdict) >= 2 && named
            }
            Some(least) => panic!("a case with {least:?}"),
        };
        if !right {
            let found: Vec<_> = decision.findings.iter().map(|finding| (&finding.rule, finding.score)).collect();
            wrong.push(format!("{:?} {:?}: {} -> {found:?}", case.least, case.label, case.text));
        }
    }
    assert!(cases.len() > 100 && wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Texts that were written after the rules and that no rule was made for. They tell how far the rules
/// reach beyond the cases that they were written with; a text that moves to the cases leaves this file.
#[test]
fn most_fraud_that_no_rule_was_written_for_is_warned_of() {
    let rules = Rules::bundled().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("held-out/fraud.json");
    let texts: Vec<String> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let warned = texts.iter().filter(|text| strength(&check(&rules, text).verdict) >= 2).count();
    println!("held out: {warned} of {} warned of", texts.len());
    assert!(texts.len() > 30 && warned * 5 >= texts.len() * 3, "{warned} of {}", texts.len());
}

#[test]
fn findings_stand_where_the_words_stand_in_the_original() {
    let text = "您好😀，请把驗\u{200b}證碼 發給我。谢谢";
    let decision = check(&Rules::bundled().unwrap(), text);
    let finding = decision.findings.first().unwrap();
    assert_eq!((finding.label.as_str(), finding.rule.as_str()), ("verification-code", "code-asked-for"));
    assert_eq!(text.get(finding.start as usize..finding.end as usize).unwrap(), "驗\u{200b}證碼 發給我");
}

#[test]
fn more_reasons_make_surer_and_thresholds_decide() {
    let text = "我是淘宝客服，商品有质量问题要退款，打开屏幕共享，把验证码发给我";
    let host = testing::Host::new().start();
    for (config, strong) in [
        (r#"{"hold_at": null}"#, 2),
        ("{}", 4),
        (r#"{"reject_at": 0.95}"#, 6),
        (r#"{"without": ["verification-code", "refund", "remote-control"]}"#, 0),
    ] {
        let filter = anti_fraud::AntiFraud::init(config).unwrap();
        let decision = filter.check(&testing::message(text)).unwrap();
        assert_eq!(strength(&decision.verdict), strong, "{config}: {decision:?}");
    }
    assert!(host.logs().is_empty());
}

#[test]
fn people_are_cautioned_in_the_language_of_the_message() {
    let rules = Rules::bundled().unwrap();
    for (text, word) in [("把验证码发给我", "验证码"), ("tell me the otp", "code")] {
        let Verdict::Warn(reason) = check(&rules, text).verdict else { panic!("{text} is not warned of") };
        assert_eq!(reason.code, "fraud-verification-code");
        assert!(reason.text.contains(word), "{}", reason.text);
    }
}

#[test]
fn at_most_one_honest_text_in_two_hundred_is_touched() {
    let rules = Rules::bundled().unwrap();
    let sms = warbler_texts::sms().unwrap();
    for (kind, texts) in [("reviews", warbler_texts::reviews().unwrap()), ("sms", sms.ham)] {
        let decided = texts.iter().map(|text| (text, check(&rules, text)));
        let touched: Vec<_> = decided.filter(|(_, decision)| decision.verdict != Verdict::Pass).collect();
        println!("{kind}: {} of {} touched", touched.len(), texts.len());
        for (text, decision) in touched.iter().take(40) {
            let rules: Vec<_> = decision.findings.iter().map(|finding| finding.rule.as_str()).collect();
            println!("  {rules:?} {text}");
        }
        assert!(
            texts.len() > 4_000 && touched.len() * 200 <= texts.len(),
            "{kind}: {} of {}",
            touched.len(),
            texts.len()
        );
    }
    let warned = sms.spam.iter().filter(|text| strength(&check(&rules, text).verdict) >= 2).count();
    println!("spam: {warned} of {} warned of", sms.spam.len());
}

#[test]
fn fraud_behind_much_padding_is_still_found() {
    let rules = Rules::bundled().unwrap();
    let text = format!("{}。把验证码发给我", "点击链接，账户，退款，".repeat(100));
    assert!(check(&rules, &text).findings.iter().any(|finding| finding.rule == "code-asked-for"));
}
