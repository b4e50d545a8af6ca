//! Hosts that are stopped in the middle of a reply, again and again.

use warbler_domain::{StateKey, TenantScope};

use super::*;
use crate::LetterQuery;

/// A world in which a reply was begun and its host stopped, `times` times.
async fn stopped(
    world: &mut World,
    scripted: &Arc<Scripted>,
    times: usize,
) -> (warbler_domain::ConversationId, UserId) {
    let (conversation, robin) = {
        let office = world.tenant("acme").await;
        let robin = agent(&office, scripted, AgentSettings::default()).await.profile.id;
        let direct = open(&office, &office.owner, ConversationKind::Direct, &[robin]).await;
        let message = office.post_id(&office.owner, direct.id, "wait the end").await;
        let key = StateKey::new("agent-reply", &[&direct.id, &message, &robin]);
        let scope = TenantScope::own_work(office.tenant.id);
        // That it began is written while it begins.
        while world.store.state().get(&scope, &key).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        (direct.id, robin)
    };
    for begun in 1..=times {
        while scripted.called.load(Ordering::SeqCst) < begun {
            tokio::task::yield_now().await;
        }
        world.restart().await;
    }
    (conversation, robin)
}

async fn replies(world: &World, conversation: warbler_domain::ConversationId, robin: UserId) -> Vec<Shown> {
    let owner = world.tenant_owner("acme").await;
    let query = crate::HistoryQuery { limit: 200, ..crate::HistoryQuery::default() };
    let history = world.service.messages().history(&owner, conversation, query).await.unwrap();
    let of_robin = |shown: &Shown| matches!(shown, Shown::Event(event) if event.actor == robin);
    history.entries.into_iter().filter(of_robin).collect()
}

#[tokio::test]
async fn a_trigger_that_stops_the_host_again_and_again_ends_with_one_honest_message_and_a_dead_letter() {
    let mut world = World::new().await;
    let scripted = Scripted::new();
    let (conversation, robin) = stopped(&mut world, &scripted, 3).await;
    let tenant = world.tenant_owner("acme").await.tenant();
    let query = LetterQuery { tenant, consumer: Some("agents".into()), after: None, limit: 10 };
    let letters = world.service.dead_letters();
    let letter = loop {
        match letters.list(&world.operator, &query).await.unwrap().pop() {
            Some(letter) => break letter,
            None => tokio::task::yield_now().await,
        }
    };
    assert!(letter.reason.contains("stopped 3 times"), "{}", letter.reason);
    assert_eq!(scripted.called.load(Ordering::SeqCst), 3, "it was not begun a fourth time");
    let there = replies(&world, conversation, robin).await;
    assert_eq!(there.len(), 1);
    assert!(text_of(&there[0]).unwrap().starts_with("My reply was interrupted"), "{there:?}");
    let Shown::Event(event) = &there[0] else { panic!("no event") };
    assert_eq!(posted(event).caution.as_ref().unwrap().code, "reply-interrupted");
    // People were told. Replaying it changes nothing but the list; what is asked next is answered.
    letters.replay(&world.operator, tenant, "agents", letter.position).await.unwrap();
    let owner = world.tenant_owner("acme").await;
    let mut ear = crate::world::listen(&world.service, &owner).await;
    world.service.messages().send(&owner, send(conversation, "next", "hello")).await.unwrap();
    assert_eq!(ear.from(robin).await.1, "You said: hello");
    assert_eq!(replies(&world, conversation, robin).await.len(), 2);
    assert!(letters.list(&world.operator, &query).await.unwrap().is_empty());
    assert_eq!(code(letters.replay(&world.operator, tenant, "agents", letter.position).await), "not-found");
}

#[tokio::test]
async fn a_host_that_was_stopped_less_often_tries_again() {
    let mut world = World::new().await;
    let scripted = Scripted::new();
    let (conversation, robin) = stopped(&mut world, &scripted, 2).await;
    scripted.gate.add_permits(1);
    let there = loop {
        let there = replies(&world, conversation, robin).await;
        if !there.is_empty() {
            break there;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(text_of(&there[0]).unwrap(), "so far. the end");
}
