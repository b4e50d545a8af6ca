//! Tests of push: who is told, what comes of providers' answers, and that nothing is lost.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;
use warbler_domain::{
    HookError, InstallationId, MessageId, Notification, PushOutcome, PushProvider, Refusal, Role, Urgency,
};

use crate::installation::LiveHook;
use crate::push::{HabitsChange, Level, NewEndpoint, PushPolicy, PushStep, QuietHours, Rule};
use crate::world::{Office, World, code, posted};
use crate::{Caller, EndpointView};

/// Answers as it is told to, and keeps what it was given.
#[derive(Default)]
struct Scripted {
    /// What is said of the next notifications for an address; accepted without one.
    answers: Mutex<HashMap<String, VecDeque<PushOutcome>>>,
    /// What comes of the next batches as a whole.
    failures: Mutex<VecDeque<HookError>>,
    /// Whether batches wait until this is taken back: those of one kind, or of all.
    slow: tokio::sync::RwLock<()>,
    slow_kind: Mutex<Option<String>>,
    got: Mutex<Vec<Notification>>,
    came: Notify,
}

#[async_trait]
impl PushProvider for Scripted {
    async fn deliver(&self, batch: &[Notification]) -> Result<Vec<PushOutcome>, HookError> {
        let is_slow =
            self.slow_kind.lock().as_ref().is_none_or(|kind| batch.iter().any(|one| one.target.kind == *kind));
        let _gate = if is_slow { Some(self.slow.read().await) } else { None };
        if let Some(failure) = self.failures.lock().pop_front() {
            self.came.notify_one();
            return Err(failure);
        }
        let answer = |notification: &Notification| {
            let mut answers = self.answers.lock();
            let next = answers.get_mut(&notification.target.address).and_then(VecDeque::pop_front);
            next.unwrap_or(PushOutcome::Accepted(None))
        };
        let outcomes = batch.iter().map(answer).collect();
        self.got.lock().extend_from_slice(batch);
        self.came.notify_one();
        Ok(outcomes)
    }
}

impl Scripted {
    fn answer(&self, token: &str, outcome: PushOutcome) {
        self.answers.lock().entry(format!("\"{token}\"")).or_default().push_back(outcome);
    }

    /// Waits until `count` notifications came.
    async fn got(&self, count: usize) -> Vec<Notification> {
        loop {
            {
                let got = self.got.lock();
                if got.len() >= count {
                    return got.clone();
                }
            }
            self.came.notified().await;
        }
    }
}

/// Has `world`'s notifications go to what is returned.
fn scripted(world: &World) -> Arc<Scripted> {
    let scripted = Arc::new(Scripted::default());
    script(world, &scripted);
    scripted
}

fn script(world: &World, scripted: &Arc<Scripted>) {
    world.service.push().script(LiveHook {
        installation: InstallationId::from_uuid(Uuid::nil()),
        plugin: "scripted".into(),
        version: "1.0.0".into(),
        granted: serde_json::from_value(serde_json::json!({})).unwrap(),
        config: "{}".into(),
        schema: None,
        push_kinds: vec!["fcm".into(), "apns".into()],
        deadline: Duration::from_secs(10),
        hook: Arc::clone(scripted) as _,
    });
}

async fn register(office: &Office<'_>, caller: &Caller, token: &str) -> EndpointView {
    register_as(office, caller, "fcm", token).await
}

async fn register_as(office: &Office<'_>, caller: &Caller, kind: &str, token: &str) -> EndpointView {
    let new = NewEndpoint { kind: kind.into(), address: format!("\"{token}\"") };
    office.service().push().add_endpoint(caller, new).await.unwrap()
}

async fn steps(office: &Office<'_>, caller: &Caller, message: MessageId) -> Vec<PushStep> {
    let story = office.service().push().story(caller, message).await.unwrap();
    story.notes.into_iter().map(|note| note.step).collect()
}

/// Waits until the story of a message has so many steps.
async fn told(office: &Office<'_>, caller: &Caller, message: MessageId, count: usize) -> Vec<PushStep> {
    loop {
        let steps = steps(office, caller, message).await;
        if steps.len() >= count {
            return steps;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_receiver_who_is_away_is_told_who_wrote_what_and_how_much_is_unread() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    register(&office, &ada, "adas").await;
    let room = office.group(&ada, &[&bob]).await.id;
    let first = office.post_id(&ada, room, "hello there").await;
    let got = scripted.got(1).await;
    assert_eq!((got[0].title.as_str(), got[0].body.as_str()), ("ada of test · Test", "hello there"));
    assert_eq!((got[0].badge, got[0].urgency), (1, Urgency::Normal));
    assert_eq!(got[0].target.address, "\"bobs\"", "nobody is told of what they wrote themselves");
    assert!(matches!(told(&office, &bob, first, 1).await[0], PushStep::Accepted { attempt: 1, .. }));
    office.post(&ada, room, "again").await;
    assert_eq!(scripted.got(2).await[1].badge, 2);
    assert!(steps(&office, &ada, first).await.is_empty());
}

#[tokio::test]
async fn whoever_is_active_muted_it_or_wants_quiet_is_not_told_and_can_read_why() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let room = office.group(&ada, &[&bob]).await.id;
    let push = office.service().push();

    let ear = office.connect(&bob, &[]).await;
    office.service().authentication().activity(&bob).unwrap();
    let active = office.post_id(&ada, room, "you are here").await;
    assert_eq!(told(&office, &bob, active, 1).await, [PushStep::NotSent { rule: Rule::Active }]);
    drop(ear);
    while office.service().live().online(&ada, room).await.unwrap().contains(&bob.user()) {
        tokio::task::yield_now().await;
    }

    push.set_mute(&bob, room, Level::None, None).await.unwrap();
    let muted = office.post_id(&ada, room, "you muted this").await;
    let told_of = told(&office, &bob, muted, 1).await;
    assert!(told_of == [PushStep::NotSent { rule: Rule::Muted }], "{told_of:?}");
    push.set_mute(&bob, room, Level::All, None).await.unwrap();

    let all_day = QuietHours { from: 0, to: 0, days: Vec::new() };
    let quiet = HabitsChange { do_not_disturb: Some(Some(all_day)), time_zone: Some(Some("Asia/Shanghai".into())) };
    push.set_habits(&bob, quiet).await.unwrap();
    let hushed = office.post_id(&ada, room, "sleep well").await;
    assert_eq!(told(&office, &bob, hushed, 1).await, [PushStep::NotSent { rule: Rule::QuietHours }]);
    push.set_habits(&bob, HabitsChange { do_not_disturb: Some(None), ..HabitsChange::default() }).await.unwrap();

    office.post(&ada, room, "good morning").await;
    assert_eq!(scripted.got(1).await[0].body, "good morning", "nothing else was sent");
}

#[tokio::test]
async fn a_tenant_can_keep_contents_out_and_texts_are_in_the_persons_language() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let zh = crate::ProfileChange { locale: Some(Some("zh-Hans".into())), name: None };
    office.service().members().update_me(&bob, zh).await.unwrap();
    let policy = PushPolicy { contents: false, ..PushPolicy::default() };
    office.service().push().set_policy(&office.owner, policy).await.unwrap();
    let room = office.group(&ada, &[&bob]).await.id;
    office.post(&ada, room, "the secret plan").await;
    let got = scripted.got(1).await;
    assert_eq!((got[0].title.as_str(), got[0].body.as_str()), ("新消息", ""));
    assert_eq!(got[0].conversation, room.to_string());
    assert_eq!(code(office.service().push().set_policy(&bob, PushPolicy::default()).await), "forbidden");
}

#[tokio::test]
async fn a_dead_address_is_forgotten_and_a_refused_notification_is_a_dead_letter() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    let dead = register(&office, &bob, "dead").await;
    let room = office.group(&ada, &[&bob]).await.id;
    scripted.answer("dead", PushOutcome::Gone);
    let message = office.post_id(&ada, room, "anyone?").await;
    assert!(matches!(told(&office, &bob, message, 1).await[0], PushStep::Gone { .. }));
    let push = office.service().push();
    assert!(push.endpoints(&bob).await.unwrap().iter().all(|endpoint| endpoint.id != dead.id));

    register(&office, &bob, "picky").await;
    scripted.answer("picky", PushOutcome::Rejected("payload too large".into()));
    let refused = office.post_id(&ada, room, "too much").await;
    assert!(matches!(told(&office, &bob, refused, 1).await[0], PushStep::Refused { .. }));
    let letters = loop {
        let letters = push.dead_letters(&office.owner, None, 10).await.unwrap();
        if !letters.is_empty() {
            break letters;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((letters[0].message, letters[0].reason.as_str()), (refused, "refused: payload too large"));
    let before = scripted.got.lock().len();
    push.replay(&office.owner, letters[0].id).await.unwrap();
    assert_eq!(scripted.got(before + 1).await[before].body, "too much");
    assert!(push.dead_letters(&office.owner, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_provider_puts_off_comes_again_under_the_same_identifier_even_after_a_restart() {
    let mut world = World::new().await;
    let scripted = scripted(&world);
    let (bob, message) = {
        let office = world.tenant("acme").await;
        let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
        register(&office, &bob, "bobs").await;
        let room = office.group(&ada, &[&bob]).await.id;
        scripted.answer("bobs", PushOutcome::Retry(Duration::from_mins(1)));
        let message = office.post_id(&ada, room, "later").await;
        let told_of = told(&office, &bob, message, 1).await;
        assert!(matches!(told_of[0], PushStep::Retry { attempt: 1, .. }), "{told_of:?}");
        (bob, message)
    };
    world.restart().await;
    script(&world, &scripted);
    world.clock.advance(Duration::from_secs(61));
    let got = scripted.got(2).await;
    assert_eq!(got[0].id, got[1].id);
    loop {
        let story = world.service.push().story(&bob, message).await.unwrap();
        // The crash may have the message decided once more, so that this need not be the last step.
        if story.notes.iter().any(|note| matches!(note.step, PushStep::Accepted { attempt: 2, .. })) {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_provider_that_fails_as_a_whole_gets_the_batch_again() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let room = office.group(&ada, &[&bob]).await.id;
    let after = Duration::from_secs(5);
    scripted.failures.lock().push_back(HookError::Refused(Refusal::Unavailable { after }));
    let message = office.post_id(&ada, room, "hello").await;
    assert!(matches!(told(&office, &bob, message, 1).await[0], PushStep::Retry { .. }));
    assert!(scripted.got.lock().is_empty());
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(scripted.got(1).await[0].body, "hello");
}

#[tokio::test]
async fn a_recalled_or_read_message_is_not_told_of_any_more() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let room = office.group(&ada, &[&bob]).await.id;
    let gate = scripted.slow.write().await;
    // Each in a conversation of its own, since a newer one would take its place.
    let other = office.group(&ada, &[&bob]).await.id;
    office.post(&ada, room, "first").await;
    let regretted = office.post_id(&ada, other, "regretted").await;
    office.service().messages().recall(&ada, other, regretted).await.unwrap();
    drop(gate);
    let told_of = told(&office, &bob, regretted, 1).await;
    assert_eq!(told_of, [PushStep::Dropped { why: crate::push::Dropped::Recalled }]);
    assert_eq!(scripted.got(1).await.len(), 1);
}

#[tokio::test]
async fn while_a_provider_is_slow_a_newer_message_takes_the_place_of_one_that_waits() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let room = office.group(&ada, &[&bob]).await.id;
    scripted.answer("bobs", PushOutcome::Retry(Duration::from_mins(1)));
    let first = office.post_id(&ada, room, "one").await;
    told(&office, &bob, first, 1).await;
    let second = office.post_id(&ada, room, "two").await;
    let told_of = told(&office, &bob, first, 2).await;
    assert_eq!(told_of[1], PushStep::Collapsed { into: second });
    world.clock.advance(Duration::from_secs(61));
    let got = scripted.got(2).await;
    assert_eq!((got[1].body.as_str(), got[1].badge), ("two", 2));
}

#[tokio::test]
async fn devices_go_with_their_session_and_move_with_whoever_registers_them() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    let push = office.service().push();
    let first = register(&office, &bob, "shared").await;
    assert_eq!(register(&office, &bob, "shared").await.id, first.id, "the same address is the same device");
    register(&office, &ada, "shared").await;
    assert!(push.endpoints(&bob).await.unwrap().is_empty(), "it moved to ada");
    let room = office.group(&bob, &[&ada]).await.id;
    office.service().authentication().sign_out(&ada).await.unwrap();
    let ada = office.again("ada").await;
    assert!(push.endpoints(&ada).await.unwrap().is_empty());
    office.post(&bob, room, "nobody hears this").await;
    register(&office, &ada, "shared").await;
    office.post(&bob, room, "but this").await;
    let got = scripted.got(1).await;
    assert_eq!(got[0].body, "but this");
    let unknown = NewEndpoint { kind: "pigeon".into(), address: "\"x\"".into() };
    assert_eq!(code(push.add_endpoint(&ada, unknown).await), "invalid");
    let not_json = NewEndpoint { kind: "fcm".into(), address: "x".into() };
    assert_eq!(code(push.add_endpoint(&ada, not_json).await), "invalid");
}

#[tokio::test]
async fn a_test_notification_tells_at_once_what_the_provider_says() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let bob = office.person("bob", Role::Member).await;
    let device = register(&office, &bob, "bobs").await;
    let push = office.service().push();
    let report = push.test_endpoint(&bob, device.id).await.unwrap();
    assert!(matches!(report.notes[0].step, PushStep::Accepted { .. }));
    assert_eq!(scripted.got(1).await[0].title, "Test notification");
    scripted.answer("bobs", PushOutcome::Gone);
    push.test_endpoint(&bob, device.id).await.unwrap();
    assert_eq!(code(push.test_endpoint(&bob, device.id).await), "not-found");
    let overview = push.overview(&office.owner).await.unwrap();
    assert!(overview.endpoints.is_empty());
    assert_eq!(code(push.overview(&bob).await), "forbidden");
}

#[tokio::test]
async fn a_discarded_message_and_a_conversation_left_meanwhile_are_told_of_to_nobody() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let room = office.group(&ada, &[&bob]).await.id;
    let discarded = office.post(&ada, room, "discard this").await;
    office.say(&ada, room, "hold this").await.unwrap();
    scripted.answer("bobs", PushOutcome::Retry(Duration::from_mins(1)));
    let left = office.post_id(&ada, room, "late").await;
    told(&office, &bob, left, 1).await;
    office.service().conversations().leave(&bob, room).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    let told_of = told(&office, &bob, left, 2).await;
    assert_eq!(told_of[1], PushStep::Dropped { why: crate::push::Dropped::Left });
    assert_eq!(scripted.got(1).await.len(), 1);
    assert!(steps(&office, &bob, posted(&discarded).id).await.is_empty());
}

#[tokio::test]
async fn whoever_is_connected_and_idle_past_the_tenants_time_is_told_like_one_who_is_away() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let policy = PushPolicy { idle_seconds: 60, ..PushPolicy::default() };
    office.service().push().set_policy(&office.owner, policy).await.unwrap();
    let room = office.group(&ada, &[&bob]).await.id;
    let _ear = office.connect(&bob, &[]).await;
    office.service().authentication().activity(&bob).unwrap();
    world.clock.advance(Duration::from_secs(58));
    let seen = office.post_id(&ada, room, "you look at this").await;
    assert_eq!(told(&office, &bob, seen, 1).await, [PushStep::NotSent { rule: Rule::Active }]);
    world.clock.advance(Duration::from_secs(2));
    office.post(&ada, room, "you went for tea").await;
    assert_eq!(scripted.got(1).await[0].body, "you went for tea");
}

#[tokio::test]
async fn a_provider_that_hangs_holds_up_nobody_but_its_own_devices() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    let eve = office.person("eve", Role::Member).await;
    register_as(&office, &bob, "fcm", "bobs").await;
    register_as(&office, &eve, "apns", "eves").await;
    *scripted.slow_kind.lock() = Some("fcm".into());
    let gate = scripted.slow.write().await;
    let room = office.group(&ada, &[&bob, &eve]).await.id;
    for count in 1..=3 {
        office.post(&ada, room, "hello").await;
        let got = scripted.got(count).await;
        assert!(got.iter().all(|one| one.target.address == "\"eves\""), "{count}");
    }
    drop(gate);
    while !scripted.got.lock().iter().any(|one| one.target.address == "\"bobs\"") {
        scripted.came.notified().await;
    }
}

#[tokio::test]
async fn a_quota_holds_notifications_back_and_the_story_says_so() {
    let world = World::new().await;
    let (scripted, office) = (scripted(&world), world.tenant("acme").await);
    let (ada, bob) = (office.person("ada", Role::Member).await, office.person("bob", Role::Member).await);
    register(&office, &bob, "bobs").await;
    let one = crate::push::Quota { per_second: 1, burst: Some(1) };
    let policy = PushPolicy { quotas: [("scripted".to_owned(), one)].into(), ..PushPolicy::default() };
    office.service().push().set_policy(&office.owner, policy).await.unwrap();
    let rooms = [office.group(&ada, &[&bob]).await.id, office.group(&ada, &[&bob]).await.id];
    let first = office.post_id(&ada, rooms[0], "at once").await;
    scripted.got(1).await;
    let second = office.post_id(&ada, rooms[1], "after a while").await;
    let push = office.service().push();
    while push.overview(&office.owner).await.unwrap().providers.iter().all(|provider| provider.throttled == 0) {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(5));
    let of_first = told(&office, &bob, first, 1).await;
    assert!(matches!(of_first[0], PushStep::Accepted { throttled: false, .. }), "{of_first:?}");
    let of_second = told(&office, &bob, second, 1).await;
    assert!(matches!(of_second[0], PushStep::Accepted { throttled: true, .. }), "{of_second:?}");
}
