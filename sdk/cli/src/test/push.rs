//! Push providers: notifications, what the provider's server answers, and the outcomes that should come of
//! it.

mod carries;
mod suite;

pub(super) use suite::run as conformance;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;
use warbler_domain::{LoadError, Notification, PushOutcome, PushProvider, PushTarget, Urgency, with_causes};
use warbler_package::PushKind;

use super::expect::{equal, explain, fits_schema, holds};
use super::files::Checked;
use super::harness::{Harness, NotReady, Setting};
use super::postbox::{Reply, Sent};
use super::server::{Answer, Asked, Server};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PushCase {
    /// What it shows, as a sentence.
    pub(super) name: Option<String>,
    /// How the plugin is set up.
    #[serde(default)]
    pub(super) given: Setting,
    /// What is handed over, in one batch.
    notifications: Vec<NotificationFields>,
    /// What the provider's server answers, in order; the last answer stays.
    #[serde(default)]
    answers: Vec<Answer>,
    /// What the mail relay makes of letters, in order; the last stays.
    #[serde(default)]
    mail: Vec<Reply>,
    /// What should come of it.
    #[serde(default)]
    expect: Expect,
}

/// The parts of a notification that matter to a case; the others are ordinary.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NotificationFields {
    /// The first kind of the manifest unless given.
    kind: Option<String>,
    /// A text as it is, anything else as JSON.
    address: Value,
    locale: String,
    title: String,
    body: String,
    collapse_key: Option<String>,
    badge: u32,
    urgency: Urgency,
    /// Seconds from now.
    expires_in: u64,
    secret: bool,
}

impl Default for NotificationFields {
    fn default() -> Self {
        Self {
            kind: None,
            address: Value::String("{}".to_owned()),
            locale: "en".to_owned(),
            title: "Ann".to_owned(),
            body: "See you at noon".to_owned(),
            collapse_key: None,
            badge: 1,
            urgency: Urgency::Normal,
            expires_in: 3_600,
            secret: false,
        }
    }
}

/// What should come of a case. What is not named is not looked at.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    /// One for each notification, in order.
    outcomes: Option<Vec<Expected>>,
    /// The requests that the server got, in order.
    requests: Option<Vec<ExpectedRequest>>,
    /// The letters that the mail relay was handed, in order.
    letters: Option<Vec<ExpectedLetter>>,
    /// A part of the sentence with which `init` refuses the configuration.
    init_error: Option<String>,
    /// The code of the failure of the whole batch: `unavailable`, `misconfigured`, `unsupported`…
    failure: Option<String>,
}

/// How notifications leave a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As requests to the server.
    Requests,
    /// As letters.
    Letters,
}

/// What should be said of a notification: the bare word leaves the rest open.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Expected {
    Accepted,
    /// With this identifier.
    AcceptedAs(String),
    Retry,
    /// After at least so many milliseconds.
    RetryAfter(u64),
    Gone,
    Rejected,
    /// With words that hold this part.
    RejectedWith(String),
}

/// What should be true of a request.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ExpectedRequest {
    method: Option<String>,
    /// A part of its path and query.
    path: Option<String>,
    /// Parts of its headers, by lower-case name.
    headers: BTreeMap<String, String>,
    /// A part of its body.
    body: Option<String>,
    /// Values in its body by JSON pointer.
    json: BTreeMap<String, Value>,
}

/// What should be true of a letter.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ExpectedLetter {
    relay: Option<String>,
    to: Option<String>,
    id: Option<String>,
    subject: Option<String>,
    /// A part of its text.
    text: Option<String>,
    /// A part of its HTML.
    html: Option<String>,
}

impl Checked for PushCase {
    fn is_empty(&self) -> bool {
        self.expect == Expect::default()
    }
}

impl PushCase {
    /// Whether it can stand for what happens when all is well: one notification, and it is accepted.
    fn is_model(&self, by: Way) -> bool {
        let is_accepted = |outcome: &Expected| matches!(outcome, Expected::Accepted | Expected::AcceptedAs(_));
        let is_this = match by {
            Way::Requests => !self.answers.is_empty(),
            Way::Letters => self.answers.is_empty() && !self.mail.is_empty(),
        };
        self.notifications.len() == 1 && is_this && self.expects(is_accepted)
    }

    /// Whether an outcome like this is expected.
    fn expects(&self, outcome: impl Fn(&Expected) -> bool) -> bool {
        self.expect.outcomes.iter().flatten().any(outcome)
    }
}

/// Runs one case; the error says in lines what was expected and what came.
pub(super) async fn check(harness: &mut Harness, server: &Server, case: &PushCase) -> Result<(), String> {
    let (mut setting, expect) = (case.given.clone(), &case.expect);
    setting.fill(server);
    server.play(case.answers.clone());
    harness.postbox().play(case.mail.clone());
    if expect.init_error.is_none() {
        fits_schema(harness, &setting.config)?;
    }
    let provider = match (provider(harness, &setting).await, &expect.init_error) {
        (Ok(provider), None) => provider,
        (Ok(_), Some(part)) => return Err(format!("expected that init refuses with {part:?}, and it did not")),
        (Err(NotReady::Load(LoadError::InitRefused { text })), Some(part)) => {
            return holds("init's sentence", &text, part);
        }
        (Err(NotReady::Load(error)), _) => return Err(with_causes(&error)),
        (Err(NotReady::Setting(text)), _) => return Err(text),
    };
    let batch = batch(harness, server, &case.notifications);
    match (provider.deliver(&batch).await, &expect.failure) {
        (Ok(outcomes), None) => compare(&outcomes, expect)?,
        (Ok(outcomes), Some(code)) => return Err(format!("expected the failure {code:?}, got {outcomes:?}")),
        (Err(error), Some(code)) if error.code() == code => {}
        (Err(error), _) => return Err(explain(&error)),
    }
    if let Some(requests) = &expect.requests {
        compare_requests(&server.asked(), requests)?;
    }
    match &expect.letters {
        Some(letters) => compare_letters(&harness.postbox().sent(), letters),
        None => Ok(()),
    }
}

/// The plugin's push provider, set up as `setting` says.
pub(super) async fn provider(harness: &mut Harness, setting: &Setting) -> Result<Arc<dyn PushProvider>, NotReady> {
    let ready = harness.ready(setting).await?;
    ready.plugin.push_provider().ok_or(NotReady::Load(LoadError::NoHook))
}

fn batch(harness: &Harness, server: &Server, fields: &[NotificationFields]) -> Vec<Notification> {
    let first = harness.package().manifest().push_kinds.first().map(PushKind::to_string).unwrap_or_default();
    let notification = |(at, fields): (usize, &NotificationFields)| {
        let mut address = fields.address.clone();
        server.fill(&mut address);
        let number = u128::try_from(at).unwrap_or_default();
        let identifier = |family: u128| Uuid::from_u128((0x019b_7645_fc00_7000_8000_u128 << 48) | family | number);
        Notification {
            id: identifier(0x1000).to_string(),
            target: PushTarget {
                id: identifier(0x2000).to_string(),
                kind: fields.kind.clone().unwrap_or_else(|| first.clone()),
                address: address.as_str().map_or_else(|| address.to_string(), str::to_owned),
                locale: fields.locale.clone(),
            },
            title: fields.title.clone(),
            body: fields.body.clone(),
            conversation: identifier(0x3000).to_string(),
            collapse_key: fields.collapse_key.clone(),
            badge: fields.badge,
            urgency: fields.urgency,
            expires_at: harness.now().after(Duration::from_secs(fields.expires_in)),
            secret: fields.secret,
        }
    };
    fields.iter().enumerate().map(notification).collect()
}

fn compare(outcomes: &[PushOutcome], expect: &Expect) -> Result<(), String> {
    let Some(expected) = &expect.outcomes else { return Ok(()) };
    equal("the number of outcomes", &outcomes.len(), &expected.len())?;
    for (at, (outcome, expected)) in outcomes.iter().zip(expected).enumerate() {
        let fits = match (outcome, expected) {
            (PushOutcome::Accepted(_), Expected::Accepted)
            | (PushOutcome::Retry(_), Expected::Retry)
            | (PushOutcome::Gone, Expected::Gone)
            | (PushOutcome::Rejected(_), Expected::Rejected) => true,
            (PushOutcome::Accepted(identifier), Expected::AcceptedAs(wanted)) => identifier.as_ref() == Some(wanted),
            (PushOutcome::Retry(after), Expected::RetryAfter(ms)) => *after >= Duration::from_millis(*ms),
            (PushOutcome::Rejected(words), Expected::RejectedWith(part)) => words.contains(part),
            _ => false,
        };
        if !fits {
            return Err(format!("notification {}: expected {expected:?}, got {outcome:?}", at + 1));
        }
    }
    Ok(())
}

fn compare_requests(asked: &[Asked], expected: &[ExpectedRequest]) -> Result<(), String> {
    let shown = || asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect::<Vec<_>>();
    if asked.len() != expected.len() {
        return Err(format!("expected {} requests, got {}: {:?}", expected.len(), asked.len(), shown()));
    }
    for (at, (asked, expected)) in asked.iter().zip(expected).enumerate() {
        compare_request(asked, expected).map_err(|error| format!("request {}: {error}", at + 1))?;
    }
    Ok(())
}

fn compare_request(asked: &Asked, expected: &ExpectedRequest) -> Result<(), String> {
    if let Some(method) = &expected.method {
        equal("the method", &asked.method, method)?;
    }
    if let Some(path) = &expected.path {
        holds("the path", &asked.path, path)?;
    }
    for (name, part) in &expected.headers {
        let value = asked.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        holds(&format!("the header {name}"), value.unwrap_or("(none)"), part)?;
    }
    let text = String::from_utf8_lossy(&asked.body);
    if let Some(part) = &expected.body {
        holds("the body", &text, part)?;
    }
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    for (pointer, value) in &expected.json {
        equal(&format!("the body at {pointer}"), &json.pointer(pointer), &Some(value))?;
    }
    Ok(())
}

fn compare_letters(sent: &[Sent], expected: &[ExpectedLetter]) -> Result<(), String> {
    equal("the number of letters", &sent.len(), &expected.len())?;
    for (at, (sent, expected)) in sent.iter().zip(expected).enumerate() {
        compare_letter(sent, expected).map_err(|error| format!("letter {}: {error}", at + 1))?;
    }
    Ok(())
}

fn compare_letter(sent: &Sent, expected: &ExpectedLetter) -> Result<(), String> {
    let letter = &sent.letter;
    let whole = [
        ("the relay", &sent.relay, &expected.relay),
        ("the address", &letter.to, &expected.to),
        ("the id", &letter.id, &expected.id),
        ("the subject", &letter.subject, &expected.subject),
    ];
    for (what, is, wanted) in whole {
        if let Some(wanted) = wanted {
            equal(what, is, wanted)?;
        }
    }
    if let Some(part) = &expected.text {
        holds("the text", &letter.text, part)?;
    }
    match &expected.html {
        Some(part) => holds("the HTML", letter.html.as_deref().unwrap_or_default(), part),
        None => Ok(()),
    }
}
