//! Word lists: changes, what is kept, and what filters see while lists change.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::json;
use warbler_domain::{Role, Strength};
use warbler_text::Mode;

use super::*;
use crate::plugin_world::World;

fn entry(word: &str) -> Entry {
    Entry { word: word.into(), category: "own".into(), mode: Mode::Word }
}

async fn spelled(world: &World, name: &str) -> Vec<String> {
    let words = world.ext.word_lists.words(&world.admin, name).await.unwrap();
    words.into_iter().map(|entry| entry.word).collect()
}

#[tokio::test]
async fn a_list_is_made_extended_shortened_exported_and_deleted() {
    let world = World::new().await;
    let lists = &world.ext.word_lists;
    let made = lists.replace(&world.admin, "own", vec![entry("red"), entry("green")]).await.unwrap();
    assert_eq!((made.name.as_str(), made.words, made.built_in), ("own", Some(2), false));
    let again = Entry { mode: Mode::Substring, ..entry("red") };
    lists.add(&world.admin, "own", vec![entry("blue"), again.clone()]).await.unwrap();
    assert_eq!(spelled(&world, "own").await, ["green", "blue", "red"]);
    lists.remove(&world.admin, "own", vec!["green".into(), "unknown".into()]).await.unwrap();
    assert_eq!(lists.words(&world.admin, "own").await.unwrap(), [entry("blue"), again]);
    let text = lists.export(&world.admin, "own").await.unwrap();
    lists.import(&world.admin, "copy", ListFormat::JsonLines, &text).await.unwrap();
    assert_eq!(spelled(&world, "copy").await, ["blue", "red"]);
    lists.delete(&world.admin, "own").await.unwrap();
    assert!(matches!(lists.words(&world.admin, "own").await, Err(ServiceError::NotFound { .. })));
    let names: Vec<_> = lists.list(&world.admin).await.unwrap().into_iter().map(|list| list.name).collect();
    assert_eq!(names[0], "copy");
    assert!(names.contains(&"builtin-gambling".to_owned()));
    let actions = world.actions().await;
    assert_eq!(actions, ["lexicon.replace", "lexicon.add", "lexicon.remove", "lexicon.import", "lexicon.delete"]);
}

#[tokio::test]
async fn a_bad_line_is_named_and_changes_nothing() {
    let world = World::new().await;
    let lists = &world.ext.word_lists;
    lists.replace(&world.admin, "own", vec![entry("red")]).await.unwrap();
    let refused = lists.import(&world.admin, "own", ListFormat::Csv, "a\nb,c,often").await.unwrap_err();
    assert!(refused.to_string().contains("line 2"), "{refused}");
    assert_eq!(spelled(&world, "own").await, ["red"]);
    for name in ["builtin-gambling", "No Name", ""] {
        let refused = lists.replace(&world.admin, name, vec![entry("red")]).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Invalid { field: "name", .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_member_may_neither_see_nor_change_lists_and_an_auditor_may_see_them() {
    let world = World::new().await;
    let lists = &world.ext.word_lists;
    let member = world.caller(Role::Member);
    assert!(matches!(lists.list(&member).await, Err(ServiceError::Forbidden { .. })));
    let auditor = world.caller(Role::Auditor);
    assert!(lists.list(&auditor).await.is_ok());
    assert!(matches!(lists.replace(&auditor, "own", vec![]).await, Err(ServiceError::Forbidden { .. })));
    assert!(lists.replace(&world.caller(Role::Moderator), "own", vec![entry("a")]).await.is_ok());
}

#[tokio::test]
async fn a_large_list_survives_a_restart_and_leaves_no_old_chunks() {
    let mut world = World::new().await;
    let words: Vec<Entry> = (0..2_500).map(|number| entry(&format!("word{number}x"))).collect();
    world.ext.word_lists.replace(&world.admin, "own", words.clone()).await.unwrap();
    world.ext.word_lists.replace(&world.admin, "own", words.clone()).await.unwrap();
    let prefix = warbler_domain::StateKey::from_text("lexicon-words/".into());
    let kept = world.store.state().scan(&world.scope(), &prefix, None, 100).await.unwrap();
    assert_eq!(kept.len(), 3);
    world.install("words", json!({"do": "list", "list": "own"})).await;
    world.restart().await;
    assert_eq!(world.ext.word_lists.words(&world.admin, "own").await.unwrap(), words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_change_while_messages_flow_and_each_message_sees_one_whole_list() {
    let world = Arc::new(World::new().await);
    let lists = &world.ext.word_lists;
    // Either list has one of the two words, so that exactly one of two messages hits at any moment.
    let (one, two) = (vec![entry("alpha")], vec![entry("omega")]);
    lists.replace(&world.admin, "own", one.clone()).await.unwrap();
    let permissions = json!({"permissions": {"lexicons": true}});
    let signed = crate::plugin_world::sign(&world.key, "words", "1.0.0", &permissions, &["lexicons"]);
    let granted = signed.package().manifest().permissions.clone();
    let mut request = signed.request(json!({"do": "list", "list": "own"}));
    request.grants = Some(warbler_package::Granted(granted));
    world.try_install(request).await.unwrap();
    let flowing = Arc::clone(&world);
    let flow = tokio::spawn(async move {
        let (mut hits, mut passes) = (0, 0);
        while hits == 0 || passes == 0 || hits + passes < 500 {
            let judgement = flowing.judge("alpha").await;
            assert!(judgement.receipts[0].outcome == warbler_domain::Outcome::Decided);
            match judgement.merged.verdict.strength() {
                Strength::Hold => hits += 1,
                Strength::Pass => passes += 1,
                other => panic!("{other:?}"),
            }
            assert_eq!(flowing.judge("alpha omega").await.merged.verdict.strength(), Strength::Hold);
        }
    });
    while !flow.is_finished() {
        lists.replace(&world.admin, "own", two.clone()).await.unwrap();
        lists.replace(&world.admin, "own", one.clone()).await.unwrap();
    }
    flow.await.unwrap();
}
