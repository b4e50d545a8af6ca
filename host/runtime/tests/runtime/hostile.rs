//! Hostile guests: after each crime a typed error, a line for the admin, other tenants that are
//! answered, and everything back where it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use warbler_domain::{HookError, Refusal};
use warbler_runtime::{Runtime, Share};

use crate::harness::{Plan, Plugin, options, plan, runtime};
use crate::server::Server;

/// Commits a crime, and looks at what is left of it.
async fn commit(crime: Plan, text: &str) -> (HookError, Vec<String>) {
    commit_in(&runtime(), crime, text).await
}

async fn commit_in(runtime: &Arc<Runtime>, crime: Plan, text: &str) -> (HookError, Vec<String>) {
    let neighbour = plan("pass").load(runtime).await;
    let before = runtime.usage();
    let criminal = crime.load(runtime).await;
    let error = criminal.check(text).await.expect_err("a crime");
    assert_eq!(criminal.idle(), 0, "the instance was thrown away");
    assert_eq!(runtime.usage(), before, "all that it took was given back");
    neighbour.passes().await;
    assert_eq!(criminal.loaded.stats().failures, 1);
    let lines = criminal.log.errors();
    assert_eq!(lines.len(), 1, "one line for the admin: {lines:?}");
    assert!(lines[0].starts_with("content-filter.check failed: "), "{lines:?}");
    assert!(lines[0].contains(&error.to_string()), "{lines:?}");
    let again = criminal.check(text).await.expect_err("it is a crime every time, and is called every time");
    assert_eq!(again.code(), error.code());
    (error, lines)
}

#[tokio::test]
async fn an_endless_guest_is_interrupted_at_its_deadline() {
    let (error, lines) = commit(plan("endless").in_50_ms(), "hello").await;
    assert!(matches!(error, HookError::Overrun { .. }), "{error:?}");
    assert!(lines[0].contains("the deadline of 50ms passed"), "{lines:?}");
}

#[tokio::test]
async fn a_memory_bomb_meets_its_limit() {
    let (error, lines) = commit(plan("memory-bomb"), "hello").await;
    assert!(matches!(error, HookError::OutOfMemory { .. }), "{error:?}");
    assert!(lines[0].contains("more than 32 MiB"), "{lines:?}");
}

#[tokio::test]
async fn a_table_bomb_meets_its_limit() {
    let (error, lines) = commit(plan("table-bomb"), "hello").await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error:?}");
    assert!(lines[0].contains("20000 table elements"), "{lines:?}");
}

#[tokio::test]
async fn deep_recursion_uses_up_the_guests_stack_and_no_other() {
    let (error, lines) = commit(plan("deep-recursion"), "hello").await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error:?}");
    assert!(lines[0].contains("call stack exhausted"), "{lines:?}");
}

#[tokio::test]
async fn a_trap_costs_one_instance() {
    let (error, lines) = commit(plan("trap"), "hello").await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error:?}");
    assert!(lines[0].contains("unreachable"), "{lines:?}");
}

#[tokio::test]
async fn a_bad_return_pointer_is_an_invalid_answer() {
    let (error, _) = commit(plan("bad-return-pointer"), "hello").await;
    assert!(matches!(error, HookError::InvalidAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn text_that_is_no_text_is_an_invalid_answer() {
    let (error, lines) = commit(plan("bad-text"), "hello").await;
    assert!(matches!(error, HookError::InvalidAnswer { .. }), "{error:?}");
    assert!(lines[0].contains("utf-8"), "{lines:?}");
}

#[tokio::test]
async fn a_hundred_thousand_findings_are_an_invalid_answer() {
    let (error, _) = commit(plan("oversized-return"), "hello").await;
    assert!(matches!(error, HookError::InvalidAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_reason_of_24_mib_is_not_copied_into_the_host() {
    let (error, lines) = commit(plan("huge-strings"), "hello").await;
    assert!(matches!(error, HookError::InvalidAnswer { .. }), "{error:?}");
    assert!(lines[0].contains("fuel"), "{lines:?}");
}

#[tokio::test]
async fn a_log_line_of_24_mib_is_not_copied_into_the_host() {
    let (error, lines) = commit(plan("huge-log"), "hello").await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error:?}");
    assert!(lines[0].contains("fuel"), "{lines:?}");
}

#[tokio::test]
async fn a_guest_that_calls_back_while_it_is_called_traps() {
    let (error, lines) = commit(plan("reentrant"), "hello").await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error:?}");
    assert!(lines[0].contains("cannot leave component instance"), "{lines:?}");
}

#[tokio::test]
async fn filling_memory_over_and_over_is_stopped_at_the_deadline() {
    let (error, _) = commit(plan("memory-fill").in_50_ms(), "hello").await;
    assert!(matches!(error, HookError::Overrun { .. }), "{error:?}");
}

#[tokio::test]
async fn sleeping_in_a_host_call_is_stopped_at_the_deadline() {
    let server = Server::silent().await;
    let mut options = options();
    options.http.private_addresses = [server.address].into();
    let runtime = Runtime::new(options).unwrap();
    let crime = plan("sleeping").in_50_ms().with(|r| r.grants.http = [server.grant()].into());
    let (error, _) = commit_in(&runtime, crime, &server.url("/")).await;
    assert!(matches!(error, HookError::Overrun { .. }), "{error:?}");
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_told() {
    let runtime = runtime();
    let plugin = plan("log-flood").load(&runtime).await;
    plugin.passes().await;
    let log = Arc::clone(&plugin.log);
    drop(plugin);
    let lines = log.all();
    let through = lines.iter().filter(|line| *line == "flood").count() as u64;
    let told: u64 =
        lines.iter().filter_map(|line| line.split_once(" lines more were left out")?.0.parse::<u64>().ok()).sum();
    assert_eq!(through + told, 10_000, "every line was written or counted");
    assert!(through < 1_000, "{through} lines came through");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_fault_of_the_plugin() {
    let runtime = runtime();
    let plugin = plan("storage").with(|r| r.grants.storage_quota = Some(100)).load(&runtime).await;
    plugin.shelf.broken.store(true, Ordering::Relaxed);
    let error = plugin.check("hello").await.unwrap_err();
    assert!(matches!(error, HookError::Refused(Refusal::Unavailable { .. })) && error.is_transient(), "{error:?}");
}

/// On one thread, so that whatever else runs, runs because the guest let it.
#[tokio::test]
async fn a_runaway_guest_lets_others_run_at_every_tick() {
    let runtime = runtime();
    let beats = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let heart = tokio::spawn({
        let (beats, over) = (Arc::clone(&beats), Arc::clone(&over));
        async move {
            while !over.load(Ordering::Relaxed) {
                beats.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    let endless = plan("endless").with(|r| r.limits.deadline = Duration::from_secs(1)).load(&runtime).await;
    let before = beats.load(Ordering::Relaxed);
    let runaways = [endless.check("a"), endless.check("b"), endless.check("c"), endless.check("d")];
    let [a, b, c, d] = runaways;
    let ends = tokio::join!(a, b, c, d);
    let during = beats.load(Ordering::Relaxed) - before;
    over.store(true, Ordering::Relaxed);
    heart.await.unwrap();
    assert!(matches!(ends, (Err(_), Err(_), Err(_), Err(_))));
    assert!(during >= 5, "{during} heartbeats");
}

#[tokio::test]
async fn a_neighbour_is_answered_while_a_tenant_has_many_runaways() {
    let runtime = runtime();
    let endless =
        Arc::new(plan("endless").with(|r| r.limits.deadline = Duration::from_millis(400)).load(&runtime).await);
    let neighbour = plan("pass").load(&runtime).await;
    let running = Arc::new(AtomicU64::new(16));
    for _ in 0..16 {
        let (endless, running) = (Arc::clone(&endless), Arc::clone(&running));
        tokio::spawn(async move {
            endless.check("hello").await.unwrap_err();
            running.fetch_sub(1, Ordering::Relaxed);
        });
    }
    let mut answered = 0;
    while running.load(Ordering::Relaxed) > 0 {
        neighbour.passes().await;
        answered += 1;
        tokio::task::yield_now().await;
    }
    assert!(answered >= 5, "{answered} answers");
}

#[tokio::test]
async fn the_deadline_covers_waiting_in_line() {
    let mut options = options();
    options.share = Share { installation: 1, ..Share::default() };
    let runtime = Runtime::new(options).unwrap();
    // The second call waits for the first, which takes all of the time that both have.
    let plugin = plan("endless").with(|r| r.limits.deadline = Duration::from_millis(200)).load(&runtime).await;
    let (first, second) = tokio::join!(plugin.check("a"), plugin.check("b"));
    assert!(matches!(first, Err(HookError::Overrun { .. })), "{first:?}");
    assert!(matches!(second, Err(HookError::Overrun { .. })), "{second:?}");
    assert!(plugin.made() <= 2, "the second call never had an instance of its own: {}", plugin.made());
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_as_busy_and_shrinks_again() {
    let runtime = runtime();
    let limits = |r: &mut warbler_domain::LoadRequest| {
        r.limits.concurrency = 2;
        r.limits.deadline = Duration::from_millis(100);
    };
    let plugin = plan("endless").with(limits).load(&runtime).await;
    let (a, b, c) = tokio::join!(plugin.check("a"), plugin.check("b"), plugin.check("c"));
    assert!(matches!((a, b), (Err(HookError::Overrun { .. }), Err(HookError::Overrun { .. }))));
    assert!(matches!(c, Err(HookError::Busy { limit: 2 })), "{c:?}");
    let (a, b) = tokio::join!(plugin.check("a"), plugin.check("b"));
    assert!(matches!((a, b), (Err(HookError::Overrun { .. }), Err(HookError::Overrun { .. }))));
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_its_instance_with_it_and_nothing_else() {
    let runtime = runtime();
    let plugin: Plugin = plan("endless").load(&runtime).await;
    let before = runtime.usage().instances;
    for _ in 0..5 {
        let mut call = Box::pin(plugin.check("hello"));
        // Polled until it has been at work for some ticks, and then forgotten.
        for _ in 0..5 {
            assert!(futures_poll(&mut call).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(call);
        assert_eq!(plugin.idle(), 0);
        assert_eq!(runtime.usage().instances, before - 1);
        assert_eq!(runtime.usage().stacks, 0);
    }
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
