//! Links in replies: which are known, and which are flagged.

use super::*;
use crate::agents::world::{configured, installation};

/// Whether the reply to each of `texts` is flagged.
async fn flagged(office: &Office<'_>, by: &Caller, robin: UserId, texts: &[&str]) -> Vec<bool> {
    let direct = open(office, by, ConversationKind::Direct, &[robin]).await;
    let mut ear = office.connect(by, &[]).await;
    let mut flagged = Vec::new();
    for text in texts {
        office.post(by, direct.id, text).await;
        let (_, said, caution) = ear.from(robin).await;
        assert!(said.contains("http"), "{said}");
        assert!(caution.as_deref().is_none_or(|code| code == "unsourced-link"), "{caution:?}");
        flagged.push(caution.is_some());
    }
    flagged
}

#[tokio::test]
async fn links_of_its_own_configuration_are_known_and_others_are_not() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let scripted = Scripted::new();
    let robin = agent(&office, &scripted, AgentSettings::default()).await.profile.id;
    let persona =
        r#"{"persona":"Send people to https://help.example/start.","entries":[{"answer":"https://a.example/1"}]}"#;
    configured(office.service(), installation(), &scripted, persona);
    let texts = ["point hxxps://help.example/start", "point hxxps://a.example/1", "point hxxps://help.example/other"];
    assert_eq!(flagged(&office, &office.owner, robin, &texts).await, [false, false, true]);
}

#[tokio::test]
async fn links_below_what_an_admin_allows_are_known_and_others_are_not() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let settings = AgentSettings { links: vec!["docs.example.com".into()], ..AgentSettings::default() };
    let robin = agent(&office, &Scripted::new(), settings.clone()).await.profile.id;
    let texts = ["point hxxps://docs.example.com/any/page", "point hxxps://docs.example.com.evil.example/"];
    assert_eq!(flagged(&office, &office.owner, robin, &texts).await, [false, true]);
    let agents = office.service().agents();
    for links in [vec![String::new()], vec!["x".repeat(201)], vec!["a.example".into(); 65]] {
        let change =
            AgentChange { settings: Some(AgentSettings { links, ..settings.clone() }), ..AgentChange::default() };
        assert_eq!(code(agents.change(&office.owner, robin, change).await), "invalid");
    }
}

#[tokio::test]
async fn a_link_is_known_from_the_conversation_but_not_from_a_reply_that_was_flagged() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let settings = AgentSettings { links: vec!["once.example".into()], ..AgentSettings::default() };
    let robin = agent(&office, &Scripted::new(), settings).await.profile.id;
    let texts = ["I am at https://me.example/x", "point hxxps://me.example/x", "point hxxps://made.example/up"];
    assert_eq!(flagged(&office, &office.owner, robin, &texts).await, [false, false, true]);
    // A flagged link stays flagged; one that it gave with good reason stays known when that reason is gone.
    assert_eq!(flagged(&office, &office.owner, robin, &["point hxxps://once.example/1"]).await, [false]);
    let change = AgentChange { settings: Some(AgentSettings::default()), ..AgentChange::default() };
    office.service().agents().change(&office.owner, robin, change).await.unwrap();
    let texts = ["point hxxps://once.example/1", "point hxxps://made.example/up"];
    assert_eq!(flagged(&office, &office.owner, robin, &texts).await, [false, true]);
}
