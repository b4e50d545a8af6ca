//! `mail`: letters of guests on their way to relays, and what guests can do to relays, which is little.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use warbler_domain::{
    HookError, HookLimits, Letter, LoadError, MailError, MailRelay, MailRelays, Notification, Posted, PushOutcome,
    PushProvider, PushTarget, SystemClock, TenantId, Timestamp, Urgency,
};
use warbler_mail::{RelayOptions, Relays, Security};
use warbler_runtime::Runtime;

use crate::guests;
use crate::harness::{Plan, options, plan_of};

/// A relay that does what a letter's subject says.
#[derive(Default)]
struct Obedient {
    asked: Mutex<Vec<(TenantId, Letter)>>,
}

#[derive(Default, Clone)]
struct Office(Arc<Obedient>);

impl MailRelays for Office {
    fn open(&self, tenant: TenantId, name: &str) -> Option<Arc<dyn MailRelay>> {
        (name == "office").then(|| Arc::new(Desk(tenant, Arc::clone(&self.0))) as _)
    }
}

struct Desk(TenantId, Arc<Obedient>);

#[async_trait]
impl MailRelay for Desk {
    async fn send(&self, letter: Letter) -> Result<Posted, MailError> {
        let word = letter.subject.clone();
        self.1.asked.lock().push((self.0, letter.clone()));
        match word.as_str() {
            "unknown" => Err(MailError::UnknownMailbox { answer: "550 5.1.1 no".into() }),
            "refuse" => Err(MailError::Refused { answer: "554 no".into() }),
            "later" => Err(MailError::Unavailable { after: Duration::from_secs(7), why: "451".into() }),
            "shut" => Err(MailError::Misconfigured { why: "535".into() }),
            "silent" => std::future::pending().await,
            _ => Ok(Posted { message_id: format!("<{}@example.org>", letter.id), answer: "250 ok".into() }),
        }
    }
}

/// A plan for the guest `tests/guests/push-NAME.wat`, which may use the relay `granted`.
fn guest(name: &str, granted: &str) -> Plan {
    plan_of(guests::plugin(&format!("push-{name}"), "push").unwrap()).with(|request| {
        request.limits = HookLimits::push();
        request.grants.mail = [granted.to_owned()].into();
    })
}

fn runtime(mail: impl MailRelays + 'static) -> Arc<Runtime> {
    let mut options = options();
    options.mail = Arc::new(mail);
    Runtime::new(options).unwrap()
}

async fn provider(plan: Plan, runtime: &Runtime) -> Arc<dyn PushProvider> {
    use warbler_domain::PluginRuntime as _;
    runtime.load(plan.request).await.unwrap().push_provider().unwrap()
}

fn batch(subjects: &[&str], text: &str) -> Vec<Notification> {
    let notification = |(at, subject): (usize, &&str)| Notification {
        id: format!("id-{at}"),
        target: PushTarget {
            id: "endpoint".into(),
            kind: "email".into(),
            address: "li@example.com".into(),
            locale: "en".into(),
        },
        title: (*subject).into(),
        body: text.into(),
        conversation: "c".into(),
        collapse_key: None,
        badge: 1,
        urgency: Urgency::Normal,
        expires_at: Timestamp::from_millis(1_795_000_000_000),
        secret: false,
    };
    subjects.iter().enumerate().map(notification).collect()
}

#[tokio::test]
async fn a_letter_reaches_the_tenants_relay_and_the_guest_learns_what_came_of_it() {
    let office = Office::default();
    let runtime = runtime(office.clone());
    let plan = guest("mail", "office");
    let tenant = plan.request.tenant;
    let provider = provider(plan, &runtime).await;
    let subjects = ["你好", "unknown", "refuse", "later", "shut"];
    let outcomes = provider.deliver(&batch(&subjects, "text")).await.unwrap();
    let expected = [
        PushOutcome::Accepted(Some("<id-0@example.org>".into())),
        PushOutcome::Gone,
        PushOutcome::Rejected("554 no".into()),
        PushOutcome::Retry(Duration::from_secs(7)),
        PushOutcome::Rejected("535".into()),
    ];
    assert_eq!(outcomes, expected);
    let asked = office.0.asked.lock();
    assert!(asked.iter().all(|(of, letter)| *of == tenant && letter.to == "li@example.com" && letter.html.is_none()));
    assert_eq!((asked[0].1.subject.as_str(), asked[0].1.text.as_str()), ("你好", "text"));
}

#[tokio::test]
async fn a_relay_that_was_not_granted_or_not_named_gets_no_letter() {
    let office = Office::default();
    let runtime = runtime(office.clone());
    for (granted, why) in [("attic", "was not granted"), ("office", "")] {
        let provider = provider(guest("mail", granted), &runtime).await;
        let outcomes = provider.deliver(&batch(&["hello"], "text")).await.unwrap();
        match &outcomes[..] {
            [PushOutcome::Rejected(words)] => assert!(!why.is_empty() && words.contains(why), "{words}"),
            [PushOutcome::Accepted(_)] => assert!(why.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(office.0.asked.lock().len(), 1);
    let nothing = guest("mail", "office").with(|request| request.grants.mail.clear());
    let refused = warbler_domain::PluginRuntime::load(&*runtime, nothing.request).await.err().unwrap();
    assert!(matches!(&refused, LoadError::Link { text } if text.contains("mail@0.1.0 was not granted")), "{refused}");
    let elsewhere = self::runtime(warbler_domain::NoMail);
    let provider = provider(guest("mail", "*"), &elsewhere).await;
    let outcomes = provider.deliver(&batch(&["hello"], "text")).await.unwrap();
    assert!(matches!(&outcomes[..], [PushOutcome::Rejected(words)] if words.contains("named no mail relay")));
}

#[tokio::test]
async fn a_relay_that_keeps_silent_is_given_up_while_there_is_time_to_say_so() {
    let runtime = runtime(Office::default());
    let plan = guest("mail", "office").with(|request| request.limits.deadline = Duration::from_secs(2));
    let outcomes = provider(plan, &runtime).await.deliver(&batch(&["silent"], "text")).await.unwrap();
    assert_eq!(outcomes, [PushOutcome::Retry(Duration::from_secs(10))]);
}

/// Real relays with one, `office`, on a port that takes connections and says nothing, and so many letters a minute.
async fn silent_port(letters: u32) -> (Relays, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut relays = Relays::new(Arc::new(SystemClock));
    let options = RelayOptions {
        port: listener.local_addr().unwrap().port(),
        security: Security::Loopback,
        tenant_letters_per_minute: NonZeroU32::new(letters).unwrap(),
        connect_timeout: Duration::from_millis(20),
        ..RelayOptions::new("127.0.0.1", "no-reply@example.org")
    };
    relays.add("office", options).unwrap();
    (relays, listener)
}

#[tokio::test]
async fn a_letter_that_is_too_large_is_refused_by_its_limit_and_reaches_no_relay() {
    let (relays, listener) = silent_port(1).await;
    let runtime = runtime(relays);
    let provider = provider(guest("mail", "office"), &runtime).await;
    let outcomes = provider.deliver(&batch(&["large"], &"x".repeat(100_000))).await.unwrap();
    let expected = "text has 100000 bytes, where 65536 are the most";
    assert_eq!(outcomes, [PushOutcome::Rejected(expected.into())]);
    let outcomes = provider.deliver(&batch(&["a\r\nBcc: x@example.com"], "text")).await.unwrap();
    assert!(matches!(&outcomes[..], [PushOutcome::Rejected(words)] if words.starts_with("subject has a line break")));
    // More than a guest may hand over at once does not even reach the check.
    let error = provider.deliver(&batch(&["vast"], &"x".repeat(3 << 20))).await.unwrap_err();
    assert!(!matches!(error, HookError::Overrun { .. }), "{error:?}");
    drop(runtime);
    let came = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
    assert!(came.is_err(), "a connection was made");
}

#[tokio::test]
async fn a_flood_of_letters_ends_at_the_relays_rate_and_at_the_guests_deadline() {
    let (relays, listener) = silent_port(2).await;
    let runtime = runtime(relays);
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let counting = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            *counted.lock() += 1;
        }
    });
    let plan = guest("mail-flood", "office").with(|request| request.limits.deadline = Duration::from_secs(1));
    let error = provider(plan, &runtime).await.deliver(&batch(&["a"], "text")).await.unwrap_err();
    assert!(matches!(error, HookError::Overrun { .. }), "{error:?}");
    assert!(*connections.lock() <= 2, "{} letters went out", connections.lock());
    counting.abort();
}
