//! Guests that never return, and a heartbeat beside them: a task that sleeps for a millisecond at a time on
//! a tokio runtime of two workers, as the host's own tasks do, and notes how late it wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use warbler_benches::ports;
use warbler_domain::{
    ContentFilter, Grants, HookContext, HookError, HookLimits, InstallationId, Instances, LoadRequest, NoLexicons,
    PluginRuntime, TenantId,
};
use warbler_package::Digest;
use warbler_runtime::{Runtime, RuntimeKey, RuntimeOptions};
use warbler_tests::guests;

/// Guests that run at a time, and the workers that they run on.
const GUESTS: u128 = 4;
const WORKERS: usize = 2;

/// How often the heart beats.
const BEAT: Duration = Duration::from_millis(1);

/// How long a call may take; it is made again at once.
const DEADLINE: Duration = Duration::from_secs(1);

/// Whose guests run beside the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guests {
    /// Nobody's.
    None,
    /// One guest of each of four tenants.
    OfFourTenants,
    /// Four guests of one tenant.
    OfOneTenant,
}

/// How late the heart beat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateness {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

pub(crate) fn measure(guests: Guests, span: Duration) -> Result<Lateness> {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    println!("beating for {} s beside guests: {guests:?}", span.as_secs());
    threads.block_on(async {
        let runtime = Runtime::new(RuntimeOptions::new(RuntimeKey::new([7; 32])))?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut calls = Vec::new();
        for number in 0..GUESTS {
            let tenant = match guests {
                Guests::None => break,
                Guests::OfFourTenants => number,
                Guests::OfOneTenant => 0,
            };
            calls.push(tokio::spawn(run_away(endless(&runtime, tenant).await?, Arc::clone(&stop))));
        }
        // In a task, so that it shares the workers with the guests.
        let lateness = tokio::spawn(beat(span)).await?;
        stop.store(true, Ordering::Relaxed);
        for call in calls {
            ensure!(call.await? > 0, "a guest did not run");
        }
        lateness
    })
}

async fn beat(span: Duration) -> Result<Lateness> {
    let mut late = Vec::new();
    let end = Instant::now() + span;
    while Instant::now() < end {
        let due = Instant::now() + BEAT;
        sleep_until(due).await;
        late.push(due.elapsed());
    }
    late.sort_unstable();
    let percentile = |share: usize| late.get((late.len() * share / 100).min(late.len() - 1)).copied();
    let [p50, p99, most] = [50, 99, 100].map(percentile);
    let none = "the heart never beat";
    Ok(Lateness { p50: p50.context(none)?, p99: p99.context(none)?, most: most.context(none)? })
}

/// Calls until it is told to stop; how often the guest was stopped by its deadline.
async fn run_away(filter: Arc<dyn ContentFilter>, stop: Arc<AtomicBool>) -> usize {
    let message = ports::message("go".to_owned());
    let mut overruns = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = filter.check(&message, &HookContext { lexicons: Arc::new(NoLexicons) }).await;
        overruns += usize::from(matches!(answer, Err(HookError::Overrun { .. })));
    }
    overruns
}

async fn endless(runtime: &Arc<Runtime>, tenant: u128) -> Result<Arc<dyn ContentFilter>> {
    let component = guests::filter("endless")?;
    let request = LoadRequest {
        tenant: TenantId::from_uuid(Uuid::from_u128(tenant)),
        installation: InstallationId::from_uuid(Uuid::now_v7()),
        digest: *Digest::of(&component).as_bytes(),
        component: component.into(),
        config: "{}".to_owned(),
        grants: Grants::default(),
        limits: HookLimits { deadline: DEADLINE, ..HookLimits::content_filter() },
        instances: Instances::Warm,
        ports: ports::nothing(),
    };
    runtime.load(request).await?.content_filter().context("endless is no filter")
}
