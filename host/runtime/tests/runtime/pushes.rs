//! Push providers: what they say of each notification, and what is made of answers that make no sense.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{
    HookError, HookKind, HookLimits, LoadRequest, LoadedPlugin, Notification, PluginRuntime as _, PushOutcome,
    PushTarget, Refusal, Timestamp, Urgency,
};
use warbler_runtime::Runtime;

use crate::guests;
use crate::harness::{Plan, plan, plan_of, runtime};

/// A plan for the guest `tests/guests/push-NAME.wat`.
fn push(name: &str) -> Plan {
    plan_of(guests::plugin(&format!("push-{name}"), "push").unwrap())
        .with(|request| request.limits = HookLimits::push())
}

async fn load(plan: Plan, runtime: &Runtime) -> Arc<dyn LoadedPlugin> {
    runtime.load(plan.request).await.unwrap()
}

fn batch(titles: &[&str]) -> Vec<Notification> {
    let notification = |(at, title): (usize, &&str)| Notification {
        id: format!("id-{at}"),
        target: PushTarget {
            id: "endpoint".into(),
            kind: "web-push".into(),
            address: "{}".into(),
            locale: "en".into(),
        },
        title: (*title).into(),
        body: "hello".into(),
        conversation: "c".into(),
        collapse_key: Some("k".into()),
        badge: 3,
        urgency: Urgency::High,
        expires_at: Timestamp::from_millis(1_795_000_000_000),
        secret: false,
    };
    titles.iter().enumerate().map(notification).collect()
}

/// Commits a crime, and looks at what is left of it.
async fn commit(crime: Plan) -> HookError {
    let runtime = runtime();
    let neighbour = plan("pass").load(&runtime).await;
    let before = runtime.usage();
    let log = Arc::clone(&crime.log);
    let criminal = load(crime, &runtime).await;
    let provider = criminal.push_provider().unwrap();
    let error = provider.deliver(&batch(&["a", "b"])).await.expect_err("a crime");
    assert_eq!(criminal.stats().instances_idle, 0, "the instance was thrown away");
    assert_eq!(runtime.usage(), before, "all that it took was given back");
    neighbour.passes().await;
    assert_eq!((criminal.stats().calls, criminal.stats().failures), (0, 1));
    assert_eq!(log.errors(), [format!("push.deliver failed: {error}")]);
    error
}

#[tokio::test]
async fn each_notification_has_its_outcome_in_order() {
    let runtime = runtime();
    let plugin = load(push("sorts"), &runtime).await;
    assert_eq!(plugin.hooks(), [HookKind::Push]);
    assert!(plugin.content_filter().is_none() && plugin.agent().is_none() && plugin.backup_sink().is_none());
    let provider = plugin.push_provider().unwrap();
    for _ in 0..3 {
        let outcomes = provider.deliver(&batch(&["a", "r", "g", "no\nway"])).await.unwrap();
        let expected = [
            PushOutcome::Accepted(Some("id-0".into())),
            // As long as a host retries at all, whatever was asked for.
            PushOutcome::Retry(Duration::from_hours(24)),
            PushOutcome::Gone,
            PushOutcome::Rejected("no way".into()),
        ];
        assert_eq!(outcomes, expected);
    }
    assert_eq!((plugin.stats().calls, plugin.stats().instances_made), (3, 1));
}

#[tokio::test]
async fn long_words_of_a_provider_are_cut() {
    let runtime = runtime();
    let provider = load(push("sorts"), &runtime).await.push_provider().unwrap();
    let outcomes = provider.deliver(&batch(&["x".repeat(100_000).as_str()])).await.unwrap();
    let [PushOutcome::Rejected(words)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(words.len() < 1_100 && words.ends_with("(100000 bytes)"), "{} bytes", words.len());
}

#[tokio::test]
async fn a_hundred_notifications_fit_and_one_more_is_refused() {
    let runtime = runtime();
    let provider = load(push("accepts"), &runtime).await.push_provider().unwrap();
    let all = provider.deliver(&batch(&["a"; 100])).await.unwrap();
    assert_eq!(all, vec![PushOutcome::Accepted(None); 100]);
    let refused = provider.deliver(&batch(&["a"; 101])).await.unwrap_err();
    assert!(matches!(&refused, HookError::Refused(Refusal::Unsupported { text }) if text.contains("100")), "{refused}");
    assert_eq!(provider.deliver(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_provider_that_is_away_is_called_again_by_the_same_instance() {
    let runtime = runtime();
    let plugin = load(push("unavailable"), &runtime).await;
    let provider = plugin.push_provider().unwrap();
    for _ in 0..2 {
        let error = provider.deliver(&batch(&["a"])).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let HookError::Refused(Refusal::Unavailable { after }) = error else { panic!("{error}") };
        assert_eq!(after, Duration::from_hours(24));
    }
    assert_eq!((plugin.stats().failures, plugin.stats().instances_made), (2, 1));
}

#[tokio::test]
async fn an_outcome_too_few_is_an_invalid_answer() {
    let error = commit(push("too-few")).await;
    assert!(matches!(&error, HookError::InvalidAnswer { text } if text.contains("1 outcomes for 2")), "{error}");
}

#[tokio::test]
async fn endless_delivery_ends_at_its_deadline() {
    let short = |request: &mut LoadRequest| request.limits.deadline = Duration::from_millis(50);
    let error = commit(push("endless").with(short)).await;
    assert!(matches!(error, HookError::Overrun { limit } if limit == Duration::from_millis(50)), "{error}");
}
