//! Tests of agents over the store in memory, with a scripted agent in the place of a plugin.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod approvals;
mod crash;
mod links;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use warbler_domain::{ConversationKind, EventKind, MessageId, Role, UserId};

use super::world::{Scripted, Words, agent, open, ports};
use super::{
    AgentChange, AgentSettings, GroupRule, ModelLimits, NewModel, NewToolServer, ReleaseTo, SupportState, TenantBudget,
    ToolGrant,
};
use crate::world::{Office, World, code, posted, send, text_of};
use crate::{AuditQuery, Caller, Shown};

/// The texts of a conversation that are of `of`.
async fn said_by(
    office: &Office<'_>,
    reader: &Caller,
    conversation: warbler_domain::ConversationId,
    of: UserId,
) -> Vec<String> {
    let history = office.history(reader, conversation).await;
    let of_agent = history.iter().filter(|shown| matches!(shown, Shown::Event(event) if event.actor == of));
    of_agent.filter_map(text_of).collect()
}

#[tokio::test]
async fn in_a_direct_conversation_everything_is_answered_once_and_the_reply_grows_before_it_stands() {
    let mut world = World::new().await;
    let scripted = Scripted::new();
    let (conversation, robin) = {
        let office = world.tenant("acme").await;
        let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
        let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
        let mut ear = office.connect(&office.owner, &[]).await;
        office.post(&office.owner, direct.id, "tokens one two. three four.").await;
        let (growing, text, withdrawn) = ear.growing().await;
        assert!("one two. three four.".starts_with(&text) && withdrawn.is_none(), "{text}");
        let (id, text, caution) = ear.from(robin).await;
        assert_eq!((id, text.as_str(), caution), (growing, "one two. three four.", None));
        (direct.id, robin)
    };
    world.restart().await;
    let owner = world.caller(&world.sign_in("acme", "owner", crate::world::PASSWORD).await.unwrap()).await;
    let mut ear = crate::world::listen(&world.service, &owner).await;
    world.service.messages().send(&owner, send(conversation, "again", "hello")).await.unwrap();
    assert_eq!(ear.from(robin).await.1, "You said: hello");
    assert_eq!(scripted.called.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn in_a_group_it_answers_when_addressed_and_sees_nothing_else() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let ann = office.person("ann", Role::Member).await;
    let group = open(&office, &office.owner, ConversationKind::Group, &[ann.user(), robin]).await;
    let mut ear = office.connect(&ann, &[]).await;
    office.post(&ann, group.id, "private chatter").await;
    let mention = |key: &str, text: &str| crate::Send { mentions: vec![robin], ..send(group.id, key, text) };
    let messages = office.service().messages();
    messages.send(&ann, mention("k1", "first question")).await.unwrap();
    let (reply, text, _) = ear.from(robin).await;
    assert_eq!(text, "You said: first question");
    // What was recalled is not seen any more.
    let wrong =
        crate::world::committed(messages.send(&ann, mention("k2", "silence a slip of the tongue")).await.unwrap());
    messages.recall(&ann, group.id, posted(&wrong).id).await.unwrap();
    // An answer to what it said addresses it, too.
    let answer = crate::Send { reply_to: Some(reply), ..send(group.id, "k3", "and why?") };
    messages.send(&ann, answer).await.unwrap();
    assert_eq!(ear.from(robin).await.1, "You said: and why?");
    let saw = scripted.saw.lock().last().unwrap().clone();
    assert_eq!(saw, ["first question", "You said: first question"]);
}

#[tokio::test]
async fn an_admin_may_let_it_answer_everything_in_groups() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let settings = AgentSettings { groups: GroupRule::Always, ..AgentSettings::default() };
    let robin = agent(&office, &Scripted::new(), settings).await.profile.id;
    let group = open(&office, &office.owner, ConversationKind::Group, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, group.id, "anything").await;
    assert_eq!(ear.from(robin).await.1, "You said: anything");
}

#[tokio::test]
async fn what_a_filter_masks_is_never_shown_whole_wherever_the_pieces_end() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let robin = agent(&office, &Scripted::new(), AgentSettings::default()).await.profile.id;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct.id, "pieces say it").await;
    let mut states = Vec::new();
    let text = loop {
        let next = ear.next(|live| Some(live.clone())).await;
        match &next {
            crate::Live::Signal(warbler_domain::Signal::Reply { text, .. }) => states.push(text.to_string()),
            crate::Live::Event(event) if event.actor == robin => {
                break text_of(&Shown::Event(Arc::clone(event))).unwrap();
            }
            _ => {}
        }
    };
    assert_eq!(text, "it is a **** indeed.");
    assert!(states.iter().all(|state| !state.contains("secretword")), "{states:?}");
}

#[tokio::test]
async fn a_late_violation_takes_the_bubble_back_and_a_note_stands_in_its_place() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let robin = agent(&office, &Scripted::new(), AgentSettings::default()).await.profile.id;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct.id, "break it").await;
    let mut shown = Vec::new();
    let (growing, reason) = loop {
        let (id, text, withdrawn) = ear.growing().await;
        shown.push(text);
        if let Some(reason) = withdrawn {
            break (id, reason);
        }
    };
    assert_eq!((shown.first().unwrap().as_str(), shown.last().unwrap().as_str()), ("All is well.", ""));
    assert_eq!(reason, "forbidden");
    let (id, text, _) = ear.from(robin).await;
    assert_eq!(id, growing);
    assert!(text.starts_with("I took my reply back"), "{text}");
    assert!(office.actions().await.iter().any(|action| action.starts_with("message.")));
}

#[tokio::test]
async fn a_person_stops_a_reply_and_what_was_seen_stands_marked() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let robin = agent(&office, &Scripted::new(), AgentSettings::default()).await.profile.id;
    let ann = office.person("ann", Role::Member).await;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct.id, "wait for ever").await;
    let (growing, ..) = ear.growing().await;
    let agents = office.service().agents();
    assert_eq!(code(agents.stop(&ann, direct.id, growing).await), "not-found");
    agents.stop(&office.owner, direct.id, growing).await.unwrap();
    let (id, text, caution) = ear.from(robin).await;
    assert_eq!((id, text.trim(), caution.as_deref()), (growing, "so far.", Some("reply-stopped")));
    assert_eq!(code(agents.stop(&office.owner, direct.id, growing).await), "not-found");
}

#[tokio::test]
async fn a_failure_is_one_apology_in_the_language_of_the_person() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct.id, "fail 你好").await;
    assert!(ear.from(robin).await.1.starts_with("抱歉"));
    office.post(&office.owner, direct.id, "half a sentence").await;
    let (_, text, caution) = ear.from(robin).await;
    assert!(text.starts_with("a sentence\n\nSorry"), "{text}");
    assert_eq!(caution.as_deref(), Some("reply-interrupted"));
    let before = scripted.called.load(Ordering::SeqCst);
    office.post(&office.owner, direct.id, "later").await;
    // The clock stands still unless it is asked: a retry is due when it moves.
    let apology = async {
        loop {
            world.clock.advance(std::time::Duration::from_secs(5));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        (_, text, _) = ear.from(robin) => assert!(text.starts_with("Sorry"), "{text}"),
        () = apology => {}
    }
    assert_eq!(scripted.called.load(Ordering::SeqCst) - before, 3);
    assert!(office.actions().await.iter().any(|action| action == "agent.hand-off"));
}

#[tokio::test]
async fn a_host_stopped_in_mid_reply_leaves_exactly_one_reply() {
    let mut world = World::new().await;
    let scripted = Scripted::new();
    let (conversation, robin, growing) = {
        let office = world.tenant("acme").await;
        let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
        let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
        let mut ear = office.connect(&office.owner, &[]).await;
        office.post(&office.owner, direct.id, "wait the end").await;
        (direct.id, robin, ear.growing().await.0)
    };
    world.restart().await;
    scripted.gate.add_permits(1);
    let owner = world.caller(&world.sign_in("acme", "owner", crate::world::PASSWORD).await.unwrap()).await;
    let mut ear = crate::world::listen(&world.service, &owner).await;
    world.service.messages().send(&owner, send(conversation, "next", "hello")).await.unwrap();
    let mut replies: Vec<(MessageId, String)> = Vec::new();
    let history = world.service.messages().history(&owner, conversation, crate::HistoryQuery::default()).await.unwrap();
    for shown in history.entries {
        if let Shown::Event(event) = &shown
            && event.actor == robin
            && let EventKind::Posted { message } = &event.kind
        {
            replies.push((message.id, text_of(&shown).unwrap()));
        }
    }
    while replies.len() < 2 {
        let (id, text, _) = ear.from(robin).await;
        if replies.iter().all(|(known, _)| *known != id) {
            replies.push((id, text));
        }
    }
    assert_eq!(replies[0], (growing, "so far. the end".to_owned()));
    assert_eq!(replies[1].1, "You said: hello");
}

#[tokio::test]
async fn agents_do_not_talk_to_each_other_without_end() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let settings = AgentSettings { groups: GroupRule::Always, ..AgentSettings::default() };
    let one = agent(&office, &Scripted::new(), settings.clone()).await.profile.id;
    let two = agent(&office, &Scripted::new(), settings).await.profile.id;
    let group = open(&office, &office.owner, ConversationKind::Group, &[one, two]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, group.id, "go").await;
    // Both answer the person, and then each other, until three messages of agents stand in a row.
    for _ in 0..2 {
        ear.next(|live| matches!(live, crate::Live::Event(event) if event.actor != office.owner.user()).then_some(()))
            .await;
    }
    loop {
        if office.actions().await.iter().any(|action| action == "agent.loop") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let of_agents =
        [said_by(&office, &office.owner, group.id, one).await, said_by(&office, &office.owner, group.id, two).await];
    let count = of_agents.iter().map(Vec::len).sum::<usize>();
    assert!((2..=8).contains(&count), "{of_agents:?}");
    // A person's word sets the count back.
    office.post(&office.owner, group.id, "again").await;
    ear.next(|live| {
        let crate::Live::Event(event) = live else { return None };
        text_of(&Shown::Event(Arc::clone(event))).filter(|text| text == "You said: again").map(drop)
    })
    .await;
}

#[tokio::test]
async fn links_from_nowhere_are_flagged_and_names_are_mentioned_but_never_everybody() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let robin = agent(&office, &Scripted::new(), AgentSettings::default()).await.profile.id;
    let ann = office.person("ann", Role::Member).await;
    let bob = office.person("bob", Role::Member).await;
    let group = open(&office, &office.owner, ConversationKind::Group, &[ann.user(), bob.user(), robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    let ask = |key: &str, text: &str| crate::Send { mentions: vec![robin], ..send(group.id, key, text) };
    let messages = office.service().messages();
    messages.send(&ann, ask("k1", "look at https://a.example/x")).await.unwrap();
    assert_eq!(ear.from(robin).await.2, None);
    messages.send(&ann, ask("k2", "invent a link")).await.unwrap();
    let (id, text, caution) = ear.from(robin).await;
    assert_eq!(caution.as_deref(), Some("unsourced-link"), "{text}");
    let found = crate::messages::locate(office.service().core(), ann.scope(), group.id, id).await.unwrap().unwrap();
    let receipt = posted(&found).receipts.iter().find(|receipt| &*receipt.plugin == "host").unwrap().clone();
    assert_eq!(receipt.findings[0].rule, "unsourced-link");
    for (key, text, expected) in [("k3", "tell @ann", 1), ("k4", "tell @ann @bob @owner", 0)] {
        messages.send(&ann, ask(key, text)).await.unwrap();
        let (id, ..) = ear.from(robin).await;
        let found = crate::messages::locate(office.service().core(), ann.scope(), group.id, id).await.unwrap().unwrap();
        assert_eq!(posted(&found).mentions.len(), expected, "{text}");
    }
}

#[tokio::test]
async fn models_are_lent_by_name_within_budgets_and_their_keys_are_told_to_nobody() {
    let words = Arc::new(Words::default());
    let world = World::with_agents(|_| {}, ports(&words)).await;
    let office = world.tenant("acme").await;
    let robin = agent(&office, &Scripted::new(), AgentSettings::default()).await.profile.id;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    let (models, operator) = (office.service().models(), &world.operator);
    let new = NewModel {
        kind: crate::ModelKind::Chat,
        base_url: "http://127.0.0.1:1/v1".into(),
        key: Some(zeroize::Zeroizing::new("top-secret".into())),
        model: "small".into(),
        limits: ModelLimits { max_tokens: Some(50), ..ModelLimits::default() },
        cost: crate::Cost { prompt_micros: 1_000, completion_micros: 2_000 },
        default: true,
    };
    office.post(&office.owner, direct.id, "model").await;
    assert!(ear.from(robin).await.1.starts_with("no model: the model is not available"));
    let view = models.set(operator, "house", new.clone()).await.unwrap();
    assert!(view.has_key && !format!("{view:?}{new:?}").contains("top-secret"));
    office.post(&office.owner, direct.id, "model").await;
    assert_eq!(ear.from(robin).await.1, "words of a model.");
    let (key, prompt) = words.asked.lock().last().unwrap().clone();
    assert_eq!((key.as_deref(), prompt.max_tokens), (Some("top-secret"), Some(50)));
    let view = office.service().agents().get(&office.owner, robin).await.unwrap();
    let (model, used) = &view.used_today[0];
    assert_eq!((model.as_str(), used.prompt_tokens, used.completion_tokens, used.cost_micros), ("house", 10, 5, 20));
    // A change without a key keeps it, but not for another place.
    let keyless = NewModel { key: None, ..new.clone() };
    assert!(models.set(operator, "house", keyless.clone()).await.unwrap().has_key);
    let elsewhere = NewModel { base_url: "http://127.0.0.1:2/v1".into(), ..keyless };
    assert!(!models.set(operator, "house", elsewhere).await.unwrap().has_key);
    let budget = TenantBudget { tokens_per_day: Some(15), concurrent_replies: Some(1) };
    models.set_budget(operator, office.tenant.id, budget).await.unwrap();
    office.post(&office.owner, direct.id, "model house").await;
    assert_eq!(ear.from(robin).await.1, "no model: the budget is spent");
    models.remove(operator, "house").await.unwrap();
    assert_eq!(code(models.remove(operator, "house").await), "not-found");
}

#[tokio::test]
async fn tools_are_called_as_granted_after_a_person_approved_and_leave_a_trace_without_secrets() {
    let world = World::with_agents(|_| {}, ports(&Arc::default())).await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let grant = |tool: &str, ask| ToolGrant { server: "clock".into(), tool: Some(tool.into()), ask };
    let settings = AgentSettings { tools: vec![grant("time", true)], ..AgentSettings::default() };
    let robin = agent(&office, &scripted, settings).await.profile.id;
    let server = NewToolServer {
        transport: warbler_domain::ToolTransport::Http { url: "https://tools.example.com/mcp".into() },
        token: None,
        timeout_ms: 5_000,
    };
    office.service().tools().set(&office.owner, "clock", server).await.unwrap();
    let ann = office.person("ann", Role::Member).await;
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct.id, "call clock__other {}").await;
    assert_eq!(ear.from(robin).await.1, "the call failed");
    assert!(scripted.refusals.lock()[0].contains("not granted"));
    for (approve, expected) in [(true, "12:00"), (false, "the call failed")] {
        office.post(&office.owner, direct.id, r#"call clock__time {"zone":"UTC","password":"p1"}"#).await;
        let (_, question, _) = ear.from(robin).await;
        let question: serde_json::Value = serde_json::from_str(&question).unwrap();
        assert_eq!((&question["tool"], &question["state"]), (&"clock__time".into(), &"waiting".into()));
        let id = question["id"].as_str().unwrap().parse().unwrap();
        let agents = office.service().agents();
        assert_eq!(code(agents.approve(&ann, direct.id, id, true).await), "not-found");
        agents.approve(&office.owner, direct.id, id, approve).await.unwrap();
        assert!(ear.from(robin).await.1.contains(expected));
        assert_eq!(code(agents.approve(&office.owner, direct.id, id, !approve).await), "conflict");
    }
    let query = AuditQuery { after: Some(0), limit: 200, ..AuditQuery::default() };
    let page = office.service().audit().list(office.owner.scope(), &query).await.unwrap();
    let calls: Vec<_> = page.entries.iter().filter(|entry| entry.action == "agent.tool.call").collect();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].details.contains("UTC") && calls[0].details.contains("12:00"), "{}", calls[0].details);
    assert!(!calls[0].details.contains("p1") && !calls[0].details.contains("hush"), "{}", calls[0].details);
}

#[tokio::test]
async fn a_support_conversation_is_handed_over_claimed_released_and_closed() {
    let words = Arc::new(Words::default());
    let world = World::with_agents(|_| {}, ports(&words)).await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let (customer, ann) = (office.person("customer", Role::Member).await, office.person("ann", Role::Member).await);
    let case = open(&office, &customer, ConversationKind::Support, &[robin]).await;
    let (support, mut ear) = (office.service().support(), office.connect(&customer, &[]).await);
    office.post(&customer, case.id, "my printer burns").await;
    assert_eq!(ear.from(robin).await.1, "You said: my printer burns");
    assert_eq!(support.get(&ann, case.id).await.unwrap().state, SupportState::Agent);
    office.post(&customer, case.id, "person it is too hot").await;
    assert_eq!(ear.from(robin).await.1, "I ask a colleague.");
    let state = |wanted: &'static str| {
        move |live: &crate::Live| match live {
            crate::Live::Signal(warbler_domain::Signal::Support { state, .. }) if state == wanted => Some(()),
            _ => None,
        }
    };
    ear.next(state("waiting")).await;
    let waiting = support.list(&ann, Some(SupportState::Waiting)).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let note = waiting[0].note.clone().unwrap();
    assert!(note.contains("it is too hot") && note.contains("person it is too hot"), "{note}");
    // The customer does not read what was made of them.
    assert_eq!(support.get(&customer, case.id).await.unwrap().note, None);
    let before = scripted.called.load(Ordering::SeqCst);
    world.clock.advance(std::time::Duration::from_mins(1));
    let claimed = support.claim(&ann, case.id).await.unwrap();
    assert_eq!((claimed.state, claimed.person), (SupportState::Person, Some(ann.user())));
    assert!(claimed.waited_ms.unwrap() >= 60_000);
    assert_eq!(code(support.claim(&office.owner, case.id).await), "conflict");
    office.post(&customer, case.id, "is anybody there?").await;
    office.post(&ann, case.id, "yes, I am").await;
    support.release(&ann, case.id, ReleaseTo::Agent).await.unwrap();
    office.post(&customer, case.id, "thank you").await;
    assert_eq!(ear.from(robin).await.1, "You said: thank you");
    assert_eq!(scripted.called.load(Ordering::SeqCst), before + 1, "it was silent while a person had it");
    support.close(&office.owner, case.id).await.unwrap();
    office.post(&customer, case.id, "one more thing").await;
    assert_eq!(ear.from(robin).await.1, "You said: one more thing");
    let asked = support.ask_for_person(&customer, case.id).await.unwrap();
    assert_eq!(asked.state, SupportState::Waiting);
    assert!(office.actions().await.iter().any(|action| action == "support.claim"));
}

#[tokio::test]
async fn an_agents_account_is_nobodys_and_a_removed_agent_is_silent() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let view = agent(&office, &scripted, AgentSettings::default()).await;
    let robin = view.profile.id;
    assert_eq!(code(world.sign_in("acme", &view.profile.login, "").await), "unauthenticated");
    let members = office.service().members();
    let password = zeroize::Zeroizing::new("a long password".to_owned());
    assert_eq!(code(members.reset_password(&office.owner, robin, password).await), "invalid");
    assert_eq!(code(members.set_role(&office.owner, robin, Role::Admin).await), "conflict");
    let (ann, agents) = (office.person("ann", Role::Member).await, office.service().agents());
    assert_eq!(code(agents.list(&ann).await), "forbidden");
    let change = AgentChange { name: Some("Jay".into()), ..AgentChange::default() };
    assert_eq!(agents.change(&office.owner, robin, change).await.unwrap().profile.name, "Jay");
    let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    agents.remove(&office.owner, robin).await.unwrap();
    office.post(&office.owner, direct.id, "are you there?").await;
    // Another agent's answer comes after this one's silence.
    let other = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let second = open(&office, &office.owner, ConversationKind::Direct, &[other]).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, second.id, "and you?").await;
    assert_eq!(ear.from(other).await.1, "You said: and you?");
    assert_eq!(said_by(&office, &office.owner, direct.id, robin).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_agent_is_held_to_its_number_of_replies_at_a_time() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let settings = AgentSettings { concurrent_replies: Some(1), ..AgentSettings::default() };
    let robin = agent(&office, &scripted, settings).await.profile.id;
    let ann = office.person("ann", Role::Member).await;
    let (one, two) = (
        open(&office, &office.owner, ConversationKind::Direct, &[robin]).await,
        open(&office, &ann, ConversationKind::Direct, &[robin]).await,
    );
    let (mut ear, mut of_ann) = (office.connect(&office.owner, &[]).await, office.connect(&ann, &[]).await);
    office.post(&office.owner, one.id, "wait a while").await;
    ear.growing().await;
    office.post(&ann, two.id, "hello").await;
    // The agent is asked nothing before the first reply is over.
    assert_eq!(scripted.called.load(Ordering::SeqCst), 1);
    scripted.gate.add_permits(1);
    assert_eq!(of_ann.from(robin).await.1, "You said: hello");
}

#[tokio::test]
async fn who_waits_in_line_for_too_long_is_told_so_and_given_to_people() {
    let world = World::with(|options| options.agents.patience = std::time::Duration::from_millis(50)).await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let budget = TenantBudget { tokens_per_day: None, concurrent_replies: Some(1) };
    office.service().models().set_budget(&world.operator, office.tenant.id, budget).await.unwrap();
    let ann = office.person("ann", Role::Member).await;
    let one = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
    let two = open(&office, &ann, ConversationKind::Support, &[robin]).await;
    let (mut ear, mut of_ann) = (office.connect(&office.owner, &[]).await, office.connect(&ann, &[]).await);
    office.post(&office.owner, one.id, "wait a while").await;
    ear.growing().await;
    office.post(&ann, two.id, "hello").await;
    let said = of_ann.from(robin).await.1;
    let sorry = "Sorry, too many people are asking me at the same time. I have asked a colleague to take over.";
    assert_eq!(said, sorry);
    scripted.gate.add_permits(1);
    assert_eq!(ear.from(robin).await.1, "so far. a while");
    assert_eq!(scripted.called.load(Ordering::SeqCst), 1);
}
