//! Ordinary calls: what a guest sees, what comes back, and how instances are used.

use std::sync::Arc;

use warbler_domain::{Body, Decision, HookKind, Instances, Verdict};

use crate::harness::{message, nothing_lent, plan, runtime};

#[tokio::test]
async fn a_good_filter_passes_a_message() {
    let runtime = runtime();
    let plugin = plan("pass").load(&runtime).await;
    assert_eq!(plugin.loaded.hooks(), [HookKind::ContentFilter]);
    plugin.passes().await;
    assert_eq!(plugin.loaded.stats().calls, 1);
}

#[tokio::test]
async fn a_text_survives_the_way_in_and_out() {
    let runtime = runtime();
    let plugin = plan("echo").load(&runtime).await;
    for text in ["", "hello", "naïve 你好 🦜\u{200b}", &"ж".repeat(8_000)] {
        let verdict = plugin.check(text).await.unwrap().verdict;
        assert_eq!(verdict, Verdict::Rewrite { body: Body::Text { text: text.into() } });
    }
}

#[tokio::test]
async fn a_sender_is_a_nameless_pseudonym_unless_more_was_granted() {
    let runtime = runtime();
    let message = message("hello");
    let check = async |plugin: &crate::harness::Plugin| match plugin.filter.check(&message, &nothing_lent()).await {
        Ok(Decision { verdict: Verdict::Hold { reason }, .. }) => (reason.code, reason.text),
        other => panic!("{other:?}"),
    };
    let id = message.sender.id.to_string();

    let hidden = plan("sender").load(&runtime).await;
    let other = plan("sender").load(&runtime).await;
    let (pseudonym, name) = check(&hidden).await;
    assert_ne!(pseudonym, id);
    assert_eq!(pseudonym.len(), id.len());
    assert_eq!(name, "");
    assert_eq!(check(&hidden).await.0, pseudonym, "it is stable");
    assert_ne!(check(&other).await.0, pseudonym, "another installation sees another");

    let named = plan("sender").with(|r| r.grants.sender_profile = true).load(&runtime).await;
    assert_eq!(check(&named).await.1, "Ann");
    let known = plan("sender").with(|r| r.grants.sender_identity = true).load(&runtime).await;
    assert_eq!(check(&known).await, (id, String::new()));
}

#[tokio::test]
async fn a_warm_instance_is_called_again() {
    let runtime = runtime();
    let plugin = plan("counter").load(&runtime).await;
    for calls in 1..=5 {
        assert_eq!(plugin.held("hello").await.code.len(), calls);
    }
    assert_eq!((plugin.made(), plugin.idle()), (1, 1));
}

#[tokio::test]
async fn a_fresh_instance_is_made_for_every_call_if_that_is_the_setting() {
    let runtime = runtime();
    let plugin = plan("counter").with(|r| r.instances = Instances::Fresh).load(&runtime).await;
    for _ in 0..3 {
        assert_eq!(plugin.held("hello").await.code.len(), 1);
    }
    assert_eq!(plugin.idle(), 0);
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_calls_share_an_instance_at_a_time() {
    let runtime = runtime();
    let plugin = Arc::new(plan("echo").load(&runtime).await);
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let plugin = Arc::clone(&plugin);
            tokio::spawn(async move {
                let text = format!("message {n} {}", "x".repeat(n));
                let verdict = plugin.check(&text).await.unwrap().verdict;
                assert_eq!(verdict, Verdict::Rewrite { body: Body::Text { text } });
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(plugin.loaded.stats().calls, 200);
    assert_eq!(plugin.made(), plugin.idle());
}
