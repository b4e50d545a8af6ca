//! Whether a case holds.

use warbler_domain::{Body, Decision, Finding, HookError, LoadError, Strength, Verdict, with_causes};

use super::case::{Case, Expect, ExpectedFinding};
use super::harness::{Harness, NotReady};

/// Runs `case`; the error says in lines what was expected and what came.
pub(super) async fn check(harness: &mut Harness, case: &Case) -> Result<(), String> {
    let expect = &case.expect;
    if expect.init_error.is_none() {
        fits_schema(harness, &case.setting.config)?;
    }
    let ready = match (harness.ready(&case.setting).await, &expect.init_error) {
        (Ok(ready), None) => ready,
        (Ok(_), Some(part)) => return Err(format!("expected that init refuses with {part:?}, and it did not")),
        (Err(NotReady::Load(LoadError::InitRefused { text })), Some(part)) => {
            return holds("init's sentence", &text, part);
        }
        (Err(NotReady::Load(error)), _) => return Err(with_causes(&error)),
        (Err(NotReady::Setting(text)), _) => return Err(text),
    };
    let message = case.message();
    match (ready.check(&message).await, &expect.failure) {
        (Ok(decision), None) => compare(&decision, expect, message.body.text().unwrap_or_default()),
        (Ok(decision), Some(code)) => Err(format!("expected the failure {code:?}, got {}", describe(&decision))),
        (Err(error), Some(code)) if error.code() == code => Ok(()),
        (Err(error), _) => Err(explain(&error)),
    }
}

/// An error with its code and causes.
pub(super) fn explain(error: &HookError) -> String {
    format!("{}: {}", error.code(), with_causes(error))
}

/// As the host does before it hands a configuration to the plugin.
pub(super) fn fits_schema(harness: &Harness, config: &serde_json::Value) -> Result<(), String> {
    let schema = harness.package().manifest().config_schema();
    let validator = jsonschema::validator_for(&schema)
        .map_err(|error| format!("the manifest's `config` is no JSON Schema: {error}"))?;
    let errors: Vec<String> =
        validator.iter_errors(config).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(format!("the configuration does not fit the manifest's schema:\n{}", errors.join("\n")))
}

fn compare(decision: &Decision, expect: &Expect, text: &str) -> Result<(), String> {
    let verdict = &decision.verdict;
    if let Some(strength) = expect.verdict.filter(|strength| *strength != verdict.strength()) {
        return Err(format!("expected the verdict {}, got {}", name(strength), describe(decision)));
    }
    let reason = verdict.reason();
    if let Some(code) = &expect.code {
        equal("the reason's code", reason.map_or("", |reason| &reason.code), code)?;
    }
    if let Some(part) = &expect.reason {
        holds("the reason's text", reason.map_or("", |reason| &reason.text), part)?;
    }
    if let Some(expected) = expect.can_edit {
        let can_edit = matches!(verdict, Verdict::Reject { can_edit: true, .. });
        equal("whether it may be edited", &can_edit, &expected)?;
    }
    if let Some(expected) = &expect.becomes {
        let rewritten = match verdict {
            Verdict::Rewrite { body: Body::Text { text } } => Some(text.as_str()),
            _ => None,
        };
        equal("the text after the rewrite", &rewritten, &Some(expected.as_str()))?;
    }
    match &expect.findings {
        Some(findings) => compare_findings(&decision.findings, findings, text),
        None => Ok(()),
    }
}

fn compare_findings(found: &[Finding], expected: &[ExpectedFinding], text: &str) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("expected {} findings, got {}: {found:?}", expected.len(), found.len()));
    }
    for (index, (finding, expected)) in found.iter().zip(expected).enumerate() {
        compare_finding(finding, expected, text).map_err(|error| format!("finding {}: {error}", index + 1))?;
    }
    Ok(())
}

fn compare_finding(finding: &Finding, expected: &ExpectedFinding, text: &str) -> Result<(), String> {
    let stands = text.get(finding.start as usize..finding.end as usize);
    let same = |what, came: &str, wanted: &Option<String>| match wanted {
        Some(wanted) => equal(what, came, wanted),
        None => Ok(()),
    };
    same("the label", &finding.label, &expected.label)?;
    same("the rule", &finding.rule, &expected.rule)?;
    same("the text there", stands.unwrap_or("(no text: the offsets are not on characters)"), &expected.text)?;
    if let Some(start) = expected.start {
        equal("the start", &finding.start, &start)?;
    }
    if let Some(end) = expected.end {
        equal("the end", &finding.end, &end)?;
    }
    match expected.min_score.filter(|least| finding.score < *least) {
        Some(least) => Err(format!("expected a score of at least {least}, got {}", finding.score)),
        None => Ok(()),
    }
}

pub(super) fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, came: &T, expected: &T) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {came:?}")) }
}

pub(super) fn holds(what: &str, came: &str, part: &str) -> Result<(), String> {
    if came.contains(part) { Ok(()) } else { Err(format!("{what}: expected something with {part:?}, got {came:?}")) }
}

fn describe(decision: &Decision) -> String {
    let verdict = name(decision.verdict.strength());
    match decision.verdict.reason() {
        Some(reason) => format!("{verdict} ({}: {})", reason.code, reason.text),
        None => verdict,
    }
}

/// A verdict's name as case files have it.
fn name(strength: Strength) -> String {
    serde_json::to_value(strength).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}
