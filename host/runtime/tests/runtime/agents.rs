//! Agents: what they see, what they can say and ask, and what is left when one is stopped midway.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{ByteSize, HookError, HookKind, LoadError, LoadRequest, NoModels, PluginRuntime as _};
use warbler_runtime::{Pool, Runtime};

use crate::harness::{Plan, message, options, plan, runtime};
use crate::room::{Room, SlowModels, agent, has_spoken, lend, load};

#[tokio::test]
async fn an_agent_says_what_it_has_to_say() {
    let runtime = runtime();
    let it = load(agent("echo"), &runtime).await;
    assert_eq!(it.plugin.hooks(), [HookKind::Agent]);
    let room = Arc::new(Room::default());
    for _ in 0..3 {
        it.agent.reply(&message("naïve 🦜"), &lend(&room, Arc::new(NoModels))).await.unwrap();
    }
    assert_eq!(*room.said.lock(), ["naïve 🦜"; 3]);
    assert_eq!((it.plugin.stats().calls, it.plugin.stats().instances_made), (3, 1));
    // The log would say why instances do not start from a snapshot.
    assert_eq!(it.log.all(), Vec::<String>::new());
}

#[tokio::test]
async fn trigger_history_and_mentions_show_the_same_people_by_pseudonym() {
    let runtime = runtime();
    let mut earlier = message("before");
    let mut trigger = message("now");
    // Ann mentions Bob, and before that Bob mentioned Ann.
    let (ann, bob) = (trigger.sender.id, trigger.mentions[0]);
    earlier.sender.id = bob;
    earlier.sender.name = "Bob".into();
    earlier.mentions = vec![ann];
    trigger.mentions = vec![bob];
    let seen = async |plan: Plan| {
        let room = Arc::new(Room { history: vec![earlier.clone()], ..Room::default() });
        let it = load(plan, &runtime).await;
        it.agent.reply(&trigger, &lend(&room, Arc::new(NoModels))).await.unwrap();
        room.said.lock().clone()
    };
    let hidden = seen(agent("history")).await;
    let [first, no_name, second, again_second, no_other_name, again_first] = &hidden[..] else { panic!("{hidden:?}") };
    assert_eq!((first, second), (again_first, again_second), "a person is the same everywhere");
    assert_eq!((no_name.as_str(), no_other_name.as_str()), ("", ""));
    assert!(first != second && *first != ann.to_string() && *second != bob.to_string());
    let known = seen(agent("history").with(|request| {
        request.grants.sender_identity = true;
        request.grants.sender_profile = true;
    }))
    .await;
    let (ann, bob) = (ann.to_string(), bob.to_string());
    assert_eq!(known, [ann.as_str(), "Ann", &bob, &bob, "Bob", &ann]);
}

#[tokio::test]
async fn history_has_at_most_the_last_fifty_messages() {
    let runtime = runtime();
    let named = |at: usize| {
        let mut message = message("before");
        message.sender.name = format!("{at}");
        message.mentions.clear();
        message
    };
    let room = Arc::new(Room { history: (0..60).map(named).collect(), ..Room::default() });
    let it = load(agent("history").with(|request| request.grants.sender_profile = true), &runtime).await;
    it.agent.reply(&message("now"), &lend(&room, Arc::new(NoModels))).await.unwrap();
    let said = room.said.lock();
    assert_eq!(said.len(), 3 + 2 * 50, "three of the trigger, and two of each message");
    assert_eq!((said[4].as_str(), said[102].as_str()), ("10", "59"));
}

#[tokio::test]
async fn parts_of_an_answer_are_said_as_they_come() {
    let runtime = runtime();
    let it = load(agent("model"), &runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    let (trigger, context) = (message("hello"), lend(&room, Arc::clone(&models) as _));
    let reply = it.agent.reply(&trigger, &context);
    let watch = async {
        has_spoken(&room, 1).await;
        assert_eq!((room.said.lock().clone(), models.open()), (vec!["one".to_owned()], 1));
        models.gate.add_permits(2);
    };
    let (replied, ()) = tokio::join!(reply, watch);
    replied.unwrap();
    assert_eq!((room.said.lock().clone(), models.open()), (vec!["one".to_owned(), "two".to_owned()], 0));
}

#[tokio::test]
async fn a_reply_that_is_dropped_cancels_its_request_and_takes_its_instance_along() {
    let runtime = runtime();
    let it = load(agent("model"), &runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    let (trigger, context) = (message("hello"), lend(&room, Arc::clone(&models) as _));
    tokio::select! {
        replied = it.agent.reply(&trigger, &context) => panic!("{replied:?}"),
        () = has_spoken(&room, 1) => {}
    }
    assert_eq!(models.open(), 0, "the request was cancelled");
    assert_eq!((it.plugin.stats().instances_idle, runtime.usage().instances, runtime.usage().stacks), (0, 0, 0));
    models.gate.add_permits(2);
    it.agent.reply(&trigger, &context).await.unwrap();
    assert_eq!(it.plugin.stats().instances_idle, 1, "another instance replied");
}

#[tokio::test]
async fn waiting_for_a_model_counts_against_the_deadline_and_ends_with_it() {
    let runtime = runtime();
    let short = |request: &mut LoadRequest| request.limits.deadline = Duration::from_millis(100);
    let it = load(agent("model").with(short), &runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    let error = it.agent.reply(&message("hello"), &lend(&room, Arc::clone(&models) as _)).await.unwrap_err();
    assert!(matches!(error, HookError::Overrun { .. }), "{error}");
    assert_eq!((models.open(), runtime.usage().instances), (0, 0));
    assert_eq!(it.log.errors(), ["agent.reply failed: the deadline of 100ms passed"]);
}

#[tokio::test]
async fn an_agent_that_says_a_word_for_ever_is_stopped_at_its_deadline() {
    let runtime = runtime();
    let neighbour = plan("pass").load(&runtime).await;
    let before = runtime.usage();
    let short = |request: &mut LoadRequest| request.limits.deadline = Duration::from_millis(50);
    let it = load(agent("loop").with(short), &runtime).await;
    let room = Arc::new(Room::default());
    let error = it.agent.reply(&message("hello"), &lend(&room, Arc::new(NoModels))).await.unwrap_err();
    assert!(matches!(error, HookError::Overrun { .. }), "{error}");
    assert!(!room.said.lock().is_empty());
    assert_eq!(runtime.usage(), before);
    neighbour.passes().await;
}

#[tokio::test]
async fn a_model_is_there_only_if_it_was_granted() {
    let runtime = runtime();
    let without = |grant: fn(&mut LoadRequest)| {
        let plan = agent("model").with(grant);
        runtime.load(plan.request)
    };
    let refused = without(|request| request.grants.models = false).await.err().unwrap();
    assert!(matches!(&refused, LoadError::Link { text } if text.contains("models@0.1.0 was not granted")), "{refused}");
    let refused = without(|request| request.grants.conversation = false).await.err().unwrap();
    assert!(matches!(&refused, LoadError::Link { text } if text.contains("conversation@0.1.0 was not")), "{refused}");
    // Granted in general, and yet not this one: the guest says which of the four errors it got.
    let it = load(agent("model"), &runtime).await;
    let room = Arc::new(Room::default());
    it.agent.reply(&message("hello"), &lend(&room, Arc::new(NoModels))).await.unwrap();
    assert_eq!(*room.said.lock(), ["a"], "denied");
}

#[tokio::test]
async fn completions_that_are_left_lying_about_are_cancelled_and_the_instance_is_not_used_again() {
    let runtime = runtime();
    let it = load(agent("littering"), &runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    it.agent.reply(&message("hello"), &lend(&room, Arc::clone(&models) as _)).await.unwrap();
    assert_eq!((models.open(), it.plugin.stats().instances_idle), (0, 0));
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test]
async fn a_turn_cannot_be_kept() {
    let runtime = runtime();
    let it = load(agent("hoarder"), &runtime).await;
    let room = Arc::new(Room::default());
    let error = it.agent.reply(&message("hello"), &lend(&room, Arc::new(NoModels))).await.unwrap_err();
    assert!(matches!(&error, HookError::InvalidAnswer { text } if text.contains("borrow")), "{error}");
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test]
async fn two_hundred_waiting_agents_hold_up_no_filter() {
    const MANY: usize = 200;
    let mut options = options();
    options.pool = Pool { instances: 500, memory: ByteSize::mib(128) };
    let runtime = Runtime::new(options).unwrap();
    let agents = agent("model");
    let tenant = agents.request.tenant;
    let it = load(agents, &runtime).await;
    let filter = plan("pass").in_50_ms().with(|request| request.tenant = tenant).load(&runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    let replies: Vec<_> = (0..MANY)
        .map(|_| {
            let (agent, context) = (Arc::clone(&it.agent), lend(&room, Arc::clone(&models) as _));
            tokio::spawn(async move { agent.reply(&message("hello"), &context).await })
        })
        .collect();
    has_spoken(&room, MANY).await;
    assert_eq!((models.open(), runtime.usage().stacks), (MANY, MANY));
    for _ in 0..10 {
        filter.passes().await;
    }
    models.gate.add_permits(2 * MANY);
    for reply in replies {
        reply.await.unwrap().unwrap();
    }
    assert_eq!((models.open(), room.said.lock().len()), (0, 2 * MANY));
}
