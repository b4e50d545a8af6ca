//! The message that asks for an approval, before and after it is answered.

use serde_json::Value;
use warbler_domain::{ConversationId, ToolTransport};

use super::*;
use crate::Live;

/// An agent that has to ask before it calls `clock__time`, and a direct conversation with it.
async fn asking(office: &Office<'_>, scripted: &Arc<Scripted>, seconds: u64) -> (UserId, ConversationId) {
    let grant = ToolGrant { server: "clock".into(), tool: None, ask: true };
    let settings = AgentSettings { tools: vec![grant], approval_seconds: seconds, ..AgentSettings::default() };
    let robin = agent(office, scripted, settings).await.profile.id;
    let transport = ToolTransport::Http { url: "https://tools.example.com/mcp".into() };
    let server = NewToolServer { transport, token: None, timeout_ms: 5_000 };
    office.service().tools().set(&office.owner, "clock", server).await.unwrap();
    (robin, open(office, &office.owner, ConversationKind::Direct, &[robin]).await.id)
}

/// The question, once it is asked: its message, and its content.
async fn question(ear: &mut crate::world::Ear, robin: UserId) -> (MessageId, Value) {
    let (message, question, _) = ear.from(robin).await;
    let question: Value = serde_json::from_str(&question).unwrap();
    assert_eq!(
        (question["state"].as_str(), question["message"].as_str()),
        (Some("waiting"), Some(&*message.to_string()))
    );
    (message, question)
}

/// What the message that asked shows after it is over: as it comes to those who are connected, and in the history.
async fn shown(
    office: &Office<'_>,
    ear: &mut crate::world::Ear,
    conversation: ConversationId,
    message: MessageId,
) -> Value {
    let live = ear
        .next(|live| {
            let Live::Event(event) = live else { return None };
            let EventKind::Edited { message: edited, body, .. } = &event.kind else { return None };
            (*edited == message).then(|| body.text().unwrap_or_default().to_owned())
        })
        .await;
    let core = office.service().core();
    let kept = crate::messages::locate(core, office.owner.scope(), conversation, message).await.unwrap().unwrap();
    assert_eq!(posted(&kept).body.as_ref().unwrap().text(), Some(&*live));
    serde_json::from_str(&live).unwrap()
}

#[tokio::test]
async fn an_answered_question_shows_who_answered_and_when() {
    let world = World::with_agents(|_| {}, ports(&Arc::default())).await;
    let office = world.tenant("acme").await;
    let (robin, direct) = asking(&office, &Scripted::new(), 120).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    for (approve, state) in [(true, "approved"), (false, "denied")] {
        office.post(&office.owner, direct, "call clock__time {}").await;
        let (message, question) = question(&mut ear, robin).await;
        let id = question["id"].as_str().unwrap().parse().unwrap();
        let answered = office.service().agents().approve(&office.owner, direct, id, approve).await.unwrap();
        let shown = shown(&office, &mut ear, direct, message).await;
        assert_eq!(shown["state"], state);
        assert_eq!(shown["by"], office.owner.user().to_string());
        assert_eq!(shown["decided_at"], answered.decided_at.unwrap().to_string());
        // The reply comes after it.
        ear.from(robin).await;
    }
}

#[tokio::test]
async fn a_question_that_nobody_answers_in_time_is_over() {
    let world = World::with_agents(|_| {}, ports(&Arc::default())).await;
    let office = world.tenant("acme").await;
    let (robin, direct) = asking(&office, &Scripted::new(), 1).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct, "call clock__time {}").await;
    let (message, question) = question(&mut ear, robin).await;
    let shown = shown(&office, &mut ear, direct, message).await;
    assert_eq!((&shown["state"], shown.get("by").unwrap_or(&Value::Null)), (&"expired".into(), &Value::Null));
    assert!(shown["decided_at"].is_string());
    assert_eq!(ear.from(robin).await.1, "the call failed");
    let id = question["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(code(office.service().agents().approve(&office.owner, direct, id, true).await), "conflict");
}

#[tokio::test]
async fn a_question_of_a_reply_that_is_stopped_is_over() {
    let world = World::with_agents(|_| {}, ports(&Arc::default())).await;
    let office = world.tenant("acme").await;
    let (robin, direct) = asking(&office, &Scripted::new(), 120).await;
    let mut ear = office.connect(&office.owner, &[]).await;
    office.post(&office.owner, direct, "call clock__time {}").await;
    let (message, question) = question(&mut ear, robin).await;
    let reply = question["reply"].as_str().unwrap().parse().unwrap();
    office.service().agents().stop(&office.owner, direct, reply).await.unwrap();
    assert_eq!(shown(&office, &mut ear, direct, message).await["state"], "expired");
}

#[tokio::test]
async fn a_question_of_a_reply_that_the_host_gave_up_is_over() {
    let mut world = World::with_agents(|_| {}, ports(&Arc::default())).await;
    let scripted = Scripted::new();
    let (robin, direct, id) = {
        let office = world.tenant("acme").await;
        let (robin, direct) = asking(&office, &scripted, 120).await;
        let mut ear = office.connect(&office.owner, &[]).await;
        office.post(&office.owner, direct, "call clock__time {}").await;
        let (_, question) = question(&mut ear, robin).await;
        (robin, direct, question["id"].as_str().unwrap().parse().unwrap())
    };
    for begun in 1..=3 {
        while scripted.called.load(Ordering::SeqCst) < begun {
            tokio::task::yield_now().await;
        }
        world.restart().await;
    }
    let owner = world.tenant_owner("acme").await;
    while world.service.agents().approval(&owner, direct, id).await.unwrap().state
        == super::super::ApprovalState::Waiting
    {
        tokio::task::yield_now().await;
    }
    let mut ear = crate::world::listen(&world.service, &owner).await;
    world.service.messages().send(&owner, send(direct, "next", "hello")).await.unwrap();
    let mut said = ear.from(robin).await.1;
    if said.starts_with("My reply was interrupted") {
        // The question ends before the reply does.
        said = ear.from(robin).await.1;
    }
    assert_eq!(said, "You said: hello");
}
