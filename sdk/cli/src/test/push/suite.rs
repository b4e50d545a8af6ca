//! The conformance suite of push providers: what a host relies on, whatever the provider is. It takes the
//! first case in which the provider accepts a notification for its model, and lets things go wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use warbler_domain::{HookError, Notification, PushOutcome, PushProvider, Refusal, with_causes};

use super::carries::{carries, leaves};
use super::{Expected, NotificationFields, PushCase, batch, provider};
use crate::test::Tally;
use crate::test::expect::explain;
use crate::test::files::CaseFile;
use crate::test::harness::{Harness, NotReady, Setting};
use crate::test::server::{Answer, Manner, Server};

/// What came of a batch.
type Delivered = Result<Vec<PushOutcome>, HookError>;

/// How long a throttled provider asks to wait, in seconds.
const PAUSE_S: u64 = 7;
/// A text in which every character could be lost on the way.
const FOREIGN: &str = "你好，世界 🎉 naïve";
/// A text with a one-time code.
const CODE: &str = "482913 is your code";
/// Addresses that no device has.
const ODD: [&str; 6] = ["", "{}", "null", "[1]", "\"\"", "{\"token\": {\"deep\": [[]]}}"];

/// Runs the suite.
pub(in crate::test) async fn run(
    harness: &mut Harness,
    server: &Server,
    files: &[CaseFile<PushCase>],
    tally: &mut Tally,
) {
    let cases: Vec<&PushCase> = files.iter().flat_map(|(_, cases)| cases).collect();
    let tells_dead = cases.iter().any(|case| case.expects(|outcome| *outcome == Expected::Gone));
    tally.count("shows in a case how it learns that an address is dead", &ensure(tells_dead, NO_GONE));
    let Some(case) = cases.into_iter().find(|case| case.is_model()) else {
        return tally.count("shows in a case how a notification is accepted", &Err(NO_MODEL.to_owned()));
    };
    let mut suite = match Suite::new(harness, server, case).await {
        Ok(suite) => suite,
        Err(NotReady::Setting(text)) => return tally.count("starts", &Err(text)),
        Err(NotReady::Load(error)) => return tally.count("starts", &Err(with_causes(&error))),
    };
    suite.well(tally).await;
    suite.unwell(tally).await;
    let outcome = suite.lets_nothing_slip();
    tally.count("lets no secret, address or text slip into its log or its words", &outcome);
}

const NO_GONE: &str = "no case expects `gone`: without it the host goes on sending to devices that are no more";
const NO_MODEL: &str = "no case has one notification and expects `accepted`, so there is nothing to go by";

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The plugin, and a case in which all goes well.
struct Suite<'s> {
    harness: &'s Harness,
    server: &'s Server,
    provider: Arc<dyn PushProvider>,
    setting: Setting,
    fields: NotificationFields,
    answers: Vec<Answer>,
    /// What the plugin logged and said.
    said: Vec<String>,
}

impl<'s> Suite<'s> {
    async fn new(harness: &'s mut Harness, server: &'s Server, case: &PushCase) -> Result<Self, NotReady> {
        let mut setting = case.given.clone();
        setting.fill(server);
        let provider = provider(harness, &setting).await?;
        let fields = case.notifications.first().cloned().unwrap_or_default();
        Ok(Self { harness, server, provider, setting, fields, answers: case.answers.clone(), said: Vec::new() })
    }

    /// So many notifications, each like the model's.
    fn batch(&self, many: usize, change: impl Fn(usize, &mut NotificationFields)) -> Vec<Notification> {
        let mut fields = vec![self.fields.clone(); many];
        fields.iter_mut().enumerate().for_each(|(at, fields)| change(at, fields));
        batch(self.harness, self.server, &fields)
    }

    /// Delivers, and remembers what was said.
    async fn deliver(&mut self, batch: &[Notification], answers: Vec<Answer>) -> Delivered {
        self.server.play(answers);
        let delivered = self.provider.deliver(batch).await;
        self.said.extend(self.harness.take_logs());
        self.said.push(format!("{delivered:?}"));
        delivered
    }

    /// The model's answers, with the one to the notification replaced.
    fn answers_with(&self, change: impl Fn(&mut Answer)) -> Vec<Answer> {
        let mut answers = self.answers.clone();
        if let Some(last) = answers.last_mut() {
            change(last);
        }
        answers
    }

    /// What has to hold while the provider is well.
    async fn well(&mut self, tally: &mut Tally) {
        let all = self.batch(100, |_, _| {});
        let delivered = self.deliver(&all, self.answers.clone()).await;
        tally.count("delivers a batch of 100 in time", &all_accepted(&delivered, 100));

        let some = self.batch(3, |at, fields| fields.expires_in = if at == 1 { 0 } else { fields.expires_in });
        let delivered = self.deliver(&some, self.answers.clone()).await;
        tally.count("keeps the order around a notification that expired on the way", &middle_expired(&delivered));

        let mut twice = self.batch(2, |_, _| {});
        if let Some(first) = twice.first().cloned() {
            twice.truncate(1);
            twice.push(first);
        }
        let delivered = self.deliver(&twice, self.answers.clone()).await;
        tally.count("says the same of a notification that comes twice", &both_alike(&delivered));

        let foreign = self.batch(1, |_, fields| FOREIGN.clone_into(&mut fields.body));
        let delivered = self.deliver(&foreign, self.answers.clone()).await;
        let intact = carries(&self.server.asked(), FOREIGN);
        let outcome =
            all_accepted(&delivered, 1).and_then(|()| ensure(intact, "no request carries the text as it was"));
        tally.count("hands a text over with all its characters", &outcome);

        let empty = self.batch(1, |_, fields| fields.body.clear());
        let delivered = self.deliver(&empty, self.answers.clone()).await;
        tally.count("delivers a notification without contents", &all_accepted(&delivered, 1));

        let code = self.batch(1, |_, fields| {
            CODE.clone_into(&mut fields.body);
            fields.secret = true;
        });
        let delivered = self.deliver(&code, self.answers.clone()).await;
        tally.count("delivers a one-time code", &all_accepted(&delivered, 1));

        let odd = self.batch(ODD.len(), |at, fields| {
            fields.address = Value::String(ODD.get(at).copied().unwrap_or_default().to_owned());
        });
        let delivered = self.deliver(&odd, self.answers.clone()).await;
        tally.count("bears addresses that are none", &answered(&delivered));
    }

    /// What has to hold while the provider is not.
    async fn unwell(&mut self, tally: &mut Tally) {
        let one = self.batch(1, |_, _| {});
        let delivered = self.deliver(&one, self.answers_with(throttle)).await;
        let least = Duration::from_secs(PAUSE_S);
        tally.count("waits as long as a throttled provider asks (429, Retry-After)", &retried(&delivered, least));
        for status in [500, 503] {
            let delivered = self.deliver(&one, self.answers_with(|answer| broken(answer, status))).await;
            let name = format!("tries again after a provider that failed ({status})");
            tally.count(&name, &retried(&delivered, Duration::ZERO));
        }
        let delivered = self.deliver(&one, self.answers_with(malform)).await;
        tally.count("takes an answer that makes no sense for no dead address", &not_gone(&delivered));
        let delivered = self.deliver(&one, self.answers_with(|answer| answer.manner = Manner::Cuts)).await;
        tally.count("tries again after a connection that broke", &retried(&delivered, Duration::ZERO));
        let delivered = self.deliver(&one, self.answers_with(|answer| answer.manner = Manner::Stalls)).await;
        tally.count("gives a provider up in time that does not answer", &retried(&delivered, Duration::ZERO));
        let delivered = self.deliver(&one, self.answers.clone()).await;
        tally.count("delivers again once the provider is well", &all_accepted(&delivered, 1));
    }

    /// Whether nothing that was said holds what must not be known.
    fn lets_nothing_slip(&self) -> Result<(), String> {
        // Shorter values could stand in a line by chance.
        const SHORTEST: usize = 6;
        let mut address = self.fields.address.clone();
        self.server.fill(&mut address);
        let mut hidden: Vec<(&str, String)> = Vec::new();
        hidden.extend(self.setting.secrets.values().map(|secret| ("a secret", secret.clone())));
        hidden.extend(leaves(&address).into_iter().map(|part| ("a part of the address", part)));
        hidden.extend([("a notification's text", FOREIGN.to_owned()), ("a one-time code", CODE.to_owned())]);
        hidden.retain(|(_, value)| value.len() >= SHORTEST);
        for line in &self.said {
            if let Some((what, _)) = hidden.iter().find(|(_, value)| line.contains(value.as_str())) {
                return Err(format!("{what} is in something that the plugin logged or answered"));
            }
        }
        Ok(())
    }
}

fn throttle(answer: &mut Answer) {
    answer.status = 429;
    answer.body = Value::Null;
    answer.headers = BTreeMap::from([("retry-after".to_owned(), PAUSE_S.to_string())]);
}

fn broken(answer: &mut Answer, status: u16) {
    answer.status = status;
    answer.body = Value::String("upstream error".to_owned());
}

fn malform(answer: &mut Answer) {
    answer.status = 200;
    answer.body = Value::String("<html>{\"\u{1}".to_owned());
}

fn all_accepted(delivered: &Delivered, many: usize) -> Result<(), String> {
    let outcomes = delivered.as_ref().map_err(explain)?;
    if outcomes.len() != many {
        return Err(format!("expected {many} outcomes, got {}", outcomes.len()));
    }
    match outcomes.iter().find(|outcome| !matches!(outcome, PushOutcome::Accepted(_))) {
        Some(other) => Err(format!("expected that all are accepted, got {other:?}")),
        None => Ok(()),
    }
}

/// What becomes of the expired one is left open: the host hands none over, unless it expires on the way.
fn middle_expired(delivered: &Delivered) -> Result<(), String> {
    match delivered.as_ref().map_err(explain)?.as_slice() {
        [PushOutcome::Accepted(_), _, PushOutcome::Accepted(_)] => Ok(()),
        other => Err(format!("expected that the first and the third are accepted, got {other:?}")),
    }
}

fn both_alike(delivered: &Delivered) -> Result<(), String> {
    match delivered.as_ref().map_err(explain)?.as_slice() {
        [PushOutcome::Accepted(_), PushOutcome::Accepted(_)] => Ok(()),
        other => Err(format!("expected that both are accepted, got {other:?}")),
    }
}

/// Whether the plugin answered at all, in words or in outcomes.
fn answered(delivered: &Delivered) -> Result<(), String> {
    match delivered {
        Ok(_) | Err(HookError::Refused(_)) => Ok(()),
        Err(error) => Err(explain(error)),
    }
}

fn retried(delivered: &Delivered, least: Duration) -> Result<(), String> {
    let pause = match delivered {
        Ok(outcomes) => match outcomes.as_slice() {
            [PushOutcome::Retry(pause)] => *pause,
            other => return Err(format!("expected `retry`, got {other:?}")),
        },
        Err(HookError::Refused(Refusal::Unavailable { after })) => *after,
        Err(error) => return Err(explain(error)),
    };
    ensure(pause >= least, &format!("expected a pause of at least {least:?}, got {pause:?}"))
}

fn not_gone(delivered: &Delivered) -> Result<(), String> {
    match delivered {
        Ok(outcomes) if outcomes.contains(&PushOutcome::Gone) => {
            Err("an address was called dead without the provider having said so".to_owned())
        }
        other => answered(other),
    }
}
