//! Tests of one-time codes: who gets one, how often, and that nothing of it is left anywhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use uuid::Uuid;
use warbler_domain::{
    HookError, InstallationId, Notification, PushOutcome, PushProvider, Refusal, Role, TenantScope, UserId,
};
use zeroize::Zeroizing;

use crate::installation::LiveHook;
use crate::options::CodeRate;
use crate::world::{World, code};
use crate::{CodeMessage, ProfileChange, ServiceError};

const CODE: &str = "482913";

/// Keeps what it was given, and answers the same to all of it.
struct Channel {
    answer: Mutex<Result<PushOutcome, Refusal>>,
    got: Mutex<Vec<Notification>>,
}

#[async_trait]
impl PushProvider for Channel {
    async fn deliver(&self, batch: &[Notification]) -> Result<Vec<PushOutcome>, HookError> {
        self.got.lock().extend_from_slice(batch);
        let answer = self.answer.lock().clone()?;
        Ok(vec![answer; batch.len()])
    }
}

fn channel(world: &World) -> Arc<Channel> {
    let channel = Arc::new(Channel { answer: Mutex::new(Ok(PushOutcome::Accepted(None))), got: Mutex::default() });
    world.service.push().script(LiveHook {
        installation: InstallationId::from_uuid(Uuid::nil()),
        plugin: "mail".into(),
        version: "1.0.0".into(),
        granted: serde_json::from_value(serde_json::json!({})).unwrap(),
        config: "{}".into(),
        schema: None,
        push_kinds: vec!["email".into()],
        deadline: Duration::from_secs(10),
        hook: Arc::clone(&channel) as _,
    });
    channel
}

fn to(user: UserId, address: &str) -> CodeMessage {
    CodeMessage {
        user,
        channel: "email".into(),
        address: format!("{address:?}"),
        code: Zeroizing::new(CODE.into()),
        valid_for: Duration::from_mins(5),
    }
}

#[tokio::test]
async fn a_code_goes_out_at_once_in_its_readers_language_and_is_kept_nowhere() {
    let world = World::new().await;
    let (channel, office) = (channel(&world), world.tenant("acme").await);
    let bob = office.person("bob", Role::Member).await;
    let chinese = ProfileChange { locale: Some(Some("zh-CN".into())), ..ProfileChange::default() };
    office.service().members().update_me(&bob, chinese).await.unwrap();
    let push = office.service().push();
    assert!(push.can_send_codes(bob.scope(), "email") && !push.can_send_codes(bob.scope(), "sms"));
    push.send_code(bob.scope(), to(bob.user(), "bob@example.com")).await.unwrap();
    let got = channel.got.lock().clone();
    assert_eq!((got.len(), got[0].title.as_str()), (1, "登录验证码"));
    assert!(got[0].body.contains(CODE) && got[0].body.contains("5 分钟"), "{}", got[0].body);
    assert!(got[0].secret && got[0].conversation.is_empty());
    // No story, no dead letter, no device, and no entry of the audit log knows of it.
    let overview = push.overview(&office.owner).await.unwrap();
    assert_eq!((overview.dead_letters, overview.endpoints.len()), (0, 0));
    assert!(office.actions().await.iter().all(|action| !action.contains("code")));
}

#[tokio::test]
async fn what_a_provider_says_of_a_code_is_told_without_the_code() {
    let world = World::new().await;
    let (channel, office) = (channel(&world), world.tenant("acme").await);
    let bob = office.person("bob", Role::Member).await;
    let echo = format!("no: {CODE} for bob@example.com");
    let away = Refusal::Unavailable { after: Duration::from_secs(1) };
    for (answer, expected) in [
        (Ok(PushOutcome::Rejected(echo.clone())), "invalid"),
        (Ok(PushOutcome::Gone), "invalid"),
        (Ok(PushOutcome::Retry(Duration::from_secs(1))), "unavailable"),
        (Err(away), "unavailable"),
        (Err(Refusal::Misconfigured { text: echo.clone() }), "unavailable"),
    ] {
        *channel.answer.lock() = answer;
        let refused = office.service().push().send_code(bob.scope(), to(bob.user(), "bob@example.com")).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code(), expected, "{error:?}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains(CODE) && !said.contains("bob@"), "{said}");
    }
    let said = format!("{:?}", to(bob.user(), "bob@example.com"));
    assert!(!said.contains(CODE) && !said.contains("bob@"), "{said}");
}

#[tokio::test]
async fn an_address_and_a_person_get_so_many_codes_and_no_more() {
    let change = |options: &mut crate::Options| {
        options.rates.codes = CodeRate { per_address: 2, per_person: 3, within: Duration::from_mins(10) };
    };
    let world = World::with(change).await;
    let (channel, office) = (channel(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    let push = office.service().push();
    for _ in 0..2 {
        push.send_code(bob.scope(), to(bob.user(), "bob@example.com")).await.unwrap();
    }
    assert_eq!(code(push.send_code(bob.scope(), to(bob.user(), "BOB@example.com")).await), "rate-limited");
    // A stranger's account is no way around it, and another address only until the person has had enough.
    assert_eq!(code(push.send_code(ada.scope(), to(ada.user(), "bob@example.com")).await), "rate-limited");
    push.send_code(bob.scope(), to(bob.user(), "bob@example.org")).await.unwrap();
    assert_eq!(code(push.send_code(bob.scope(), to(bob.user(), "bob@example.net")).await), "rate-limited");
    // Another tenant knows nothing of it.
    let other = world.tenant("beta").await;
    push.send_code(other.owner.scope(), to(other.owner.user(), "bob@example.com")).await.unwrap();
    world.clock.advance(Duration::from_mins(10));
    push.send_code(bob.scope(), to(bob.user(), "bob@example.com")).await.unwrap();
    assert_eq!(channel.got.lock().len(), 5);
}

#[tokio::test]
async fn a_code_goes_to_nobody_of_another_tenant_and_over_no_channel_that_no_plugin_serves() {
    let world = World::new().await;
    let (channel, office) = (channel(&world), world.tenant("acme").await);
    let other = world.tenant("beta").await;
    let bob = office.person("bob", Role::Member).await;
    let push = office.service().push();
    let foreign: &TenantScope = other.owner.scope();
    assert_eq!(code(push.send_code(foreign, to(bob.user(), "bob@example.com")).await), "not-found");
    let by_sms = CodeMessage { channel: "sms".into(), ..to(bob.user(), "bob@example.com") };
    assert_eq!(code(push.send_code(bob.scope(), by_sms).await), "unavailable");
    let lasting = CodeMessage { valid_for: Duration::from_hours(2), ..to(bob.user(), "bob@example.com") };
    assert!(matches!(
        push.send_code(bob.scope(), lasting).await,
        Err(ServiceError::Invalid { field: "valid_for", .. })
    ));
    let empty = CodeMessage { code: Zeroizing::default(), ..to(bob.user(), "bob@example.com") };
    assert!(matches!(push.send_code(bob.scope(), empty).await, Err(ServiceError::Invalid { field: "code", .. })));
    assert!(channel.got.lock().is_empty());
}
