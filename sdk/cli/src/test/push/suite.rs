//! The conformance suite of push providers: what a host relies on, whatever the provider is. It takes the
//! first case in which the provider accepts a notification for its model, and lets things go wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use warbler_domain::{HookError, Notification, PushOutcome, PushProvider, Refusal, with_causes};

use super::carries::{carries, leaves};
use super::{Expected, NotificationFields, PushCase, Way, batch, provider};
use crate::test::Tally;
use crate::test::expect::explain;
use crate::test::files::CaseFile;
use crate::test::harness::{Harness, NotReady, Setting};
use crate::test::postbox::Reply;
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
    let models: Vec<(Way, &PushCase)> = [Way::Requests, Way::Letters]
        .into_iter()
        .filter_map(|way| Some((way, *cases.iter().find(|case| case.is_model(way))?)))
        .collect();
    if models.is_empty() {
        return tally.count("shows in a case how a notification is accepted", &Err(NO_MODEL.to_owned()));
    }
    for (way, case) in models {
        if way == Way::Letters {
            println!("by letters");
        }
        run_by(way, harness, server, case, tally).await;
    }
}

/// Runs the suite for one of the ways that the plugin knows.
async fn run_by(way: Way, harness: &mut Harness, server: &Server, case: &PushCase, tally: &mut Tally) {
    let mut suite = match Suite::new(harness, server, case).await {
        Ok(suite) => suite,
        Err(NotReady::Setting(text)) => return tally.count("starts", &Err(text)),
        Err(NotReady::Load(error)) => return tally.count("starts", &Err(with_causes(&error))),
    };
    suite.well(tally).await;
    match way {
        Way::Requests => suite.unwell(tally).await,
        Way::Letters => suite.unwell_relay(tally).await,
    }
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
    mail: Vec<Reply>,
    /// What the plugin logged and said.
    said: Vec<String>,
}

impl<'s> Suite<'s> {
    async fn new(harness: &'s mut Harness, server: &'s Server, case: &PushCase) -> Result<Self, NotReady> {
        let mut setting = case.given.clone();
        setting.fill(server);
        let provider = provider(harness, &setting).await?;
        let fields = case.notifications.first().cloned().unwrap_or_default();
        let (answers, mail) = (case.answers.clone(), case.mail.clone());
        Ok(Self { harness, server, provider, setting, fields, answers, mail, said: Vec::new() })
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
        self.deliver_by(batch, self.mail.clone()).await
    }

    /// The same, with a mail relay that replies otherwise.
    async fn deliver_by(&mut self, batch: &[Notification], replies: Vec<Reply>) -> Delivered {
        self.harness.postbox().play(replies);
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
        let letters = self.harness.postbox().sent();
        let intact =
            carries(&self.server.asked(), FOREIGN) || letters.iter().any(|sent| sent.letter.text.contains(FOREIGN));
        let outcome = all_accepted(&delivered, 1).and_then(|()| ensure(intact, "nothing carries the text as it was"));
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

    /// What has to hold while the mail relay is not.
    async fn unwell_relay(&mut self, tally: &mut Tally) {
        let one = self.batch(1, |_, _| {});
        let pause = PAUSE_S * 1_000;
        let delivered = self.deliver_by(&one, vec![Reply::Unavailable(pause)]).await;
        let least = Duration::from_millis(pause);
        tally.count("waits as long as a relay asks that does not take letters now", &retried(&delivered, least));
        let delivered = self.deliver_by(&one, vec![Reply::UnknownMailbox("550 5.1.1 no such user".to_owned())]).await;
        tally.count("has an address forgotten that the relay does not know", &gone(&delivered));
        for reply in [Reply::Refused("554 5.7.1 no".to_owned()), Reply::Misconfigured("535 no".to_owned())] {
            let name = format!("takes no other refusal for a dead address ({reply:?})");
            let delivered = self.deliver_by(&one, vec![reply]).await;
            tally.count(&name, &not_gone(&delivered));
        }
        let delivered = self.deliver_by(&one, vec![Reply::Stalls]).await;
        tally.count("gives a relay up in time that does not answer", &retried(&delivered, Duration::ZERO));
        let delivered = self.deliver_by(&one, self.mail.clone()).await;
        tally.count("delivers again once the relay is well", &all_accepted(&delivered, 1));
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

fn gone(delivered: &Delivered) -> Result<(), String> {
    match delivered.as_ref().map_err(explain)?.as_slice() {
        [PushOutcome::Gone] => Ok(()),
        other => Err(format!("expected `gone`, got {other:?}")),
    }
}

fn not_gone(delivered: &Delivered) -> Result<(), String> {
    match delivered {
        Ok(outcomes) if outcomes.contains(&PushOutcome::Gone) => {
            Err("an address was called dead without the provider having said so".to_owned())
        }
        other => answered(other),
    }
}
