//! What becomes of a batch when its provider has answered, or failed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use warbler_domain::{HookError, Ids, PushOutcome, Refusal, Signal};

use super::dead;
use super::job::Held;
use super::lane::{Flight, Lane};
use super::story::PushStep;

/// The greatest pause after the first failure; it doubles with each further one, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(10);

/// How long a notification is tried, and the longest that a provider may ask to wait.
const GIVE_UP: Duration = Duration::from_hours(24);

/// How long a lane rests while no plugin delivers to its kind.
const NO_PROVIDER: Duration = Duration::from_secs(30);

/// A notification at which a plugin fails by itself, so often in a row, is given up.
const POISON: u32 = 5;

/// Failures in a row after which the tenant's admins are told.
const ALARM: u32 = 3;

impl Lane {
    /// Each notification of a batch has its answer.
    pub(super) async fn land(&mut self, flight: Flight, outcomes: Vec<PushOutcome>) {
        let Flight { provider, jobs } = flight;
        let now = self.work.core.now();
        self.failures = 0;
        self.batch = (self.batch * 2).min(100);
        self.health.failing.store(0, Ordering::Relaxed);
        let (mut settled, mut writes, mut accepted) = (Vec::with_capacity(jobs.len()), Vec::new(), 0);
        let mut again = Vec::new();
        for (held, outcome) in jobs.into_iter().zip(outcomes) {
            let attempt = held.job.attempt + 1;
            match outcome {
                PushOutcome::Accepted(reference) => {
                    accepted += 1;
                    let waited_ms = u64::try_from(now.since(held.came).as_millis()).unwrap_or(u64::MAX);
                    let throttled = held.throttled;
                    let step =
                        PushStep::Accepted { provider: provider.clone(), attempt, reference, waited_ms, throttled };
                    self.note(&held.job, step);
                    settled.push(held);
                }
                PushOutcome::Retry(after) => again.push((held, after)),
                PushOutcome::Gone => {
                    self.health.gone.fetch_add(1, Ordering::Relaxed);
                    self.forget(&held).await;
                    self.note(&held.job, PushStep::Gone { provider: provider.clone(), attempt });
                    settled.push(held);
                }
                PushOutcome::Rejected(reason) => {
                    self.health.refused.fetch_add(1, Ordering::Relaxed);
                    self.health.failed(now, format!("refused: {reason}"));
                    let step = PushStep::Refused { provider: provider.clone(), attempt, reason: reason.clone() };
                    self.note(&held.job, step);
                    let mut job = held.job.clone();
                    job.attempt = attempt;
                    writes.push(dead::write(self.work.core.ports.ids.next(), &job, now, &format!("refused: {reason}")));
                    settled.push(held);
                }
            }
        }
        if accepted > 0 {
            self.health.accepted(accepted, now);
        }
        let deletions = settled.iter().filter(|held| held.stored).map(|held| Ok(self.job_deletion(&held.job)));
        writes.extend(deletions);
        let is_kept = self.commit(writes).await;
        self.retry(again, &provider, "the provider asks to try again").await;
        for mut held in settled {
            self.queue.settled(&held, now);
            if !is_kept && let Some(ticket) = &held.ticket {
                ticket.fail();
            }
            held.release();
        }
    }

    /// A batch failed as a whole: nothing of it was accepted, or nobody knows. Without an error, no plugin
    /// delivers to this kind.
    pub(super) async fn land_failed(&mut self, flight: Flight, error: Option<HookError>) {
        let Flight { provider, mut jobs } = flight;
        let now = self.work.core.now();
        self.failures = self.failures.saturating_add(1);
        self.health.failing.store(self.failures.into(), Ordering::Relaxed);
        let (reason, asked, is_poison) = match &error {
            None => ("no plugin delivers to devices of this kind".to_owned(), NO_PROVIDER, false),
            Some(error) => {
                let asked = match error {
                    HookError::Refused(Refusal::Unavailable { after }) => (*after).min(GIVE_UP),
                    _ => Duration::ZERO,
                };
                (error.to_string(), asked, is_its_own_fault(error))
            }
        };
        self.health.failed(now, reason.clone());
        self.alarm(&provider, &reason).await;
        let pause = asked.max(pause(self.failures, &*self.work.core.ports.ids));
        if is_poison {
            // Smaller batches find out at which notification the plugin fails.
            self.batch = (self.batch / 2).max(1);
            if jobs.len() == 1
                && jobs.first().is_some_and(|held| held.job.attempt + 1 >= POISON)
                && let Some(mut held) = jobs.pop()
            {
                held.job.attempt += 1;
                self.queue.settled(&held, now);
                self.give_up(held, &reason).await;
                return;
            }
        } else {
            self.paused_until = now.after(pause);
        }
        let jobs = jobs.into_iter().map(|held| (held, pause)).collect();
        self.retry(jobs, &provider, &reason).await;
    }

    /// Has notifications tried again, none before the time beside it has passed, or gives them up.
    async fn retry(&mut self, jobs: Vec<(Held, Duration)>, provider: &str, reason: &str) {
        let now = self.work.core.now();
        let mut again = Vec::with_capacity(jobs.len());
        for (mut held, asked) in jobs {
            held.job.attempt += 1;
            let wait = asked.min(GIVE_UP).max(pause(held.job.attempt, &*self.work.core.ports.ids));
            let since = *held.job.since.get_or_insert(now);
            held.job.due = now.after(wait);
            self.health.retried.fetch_add(1, Ordering::Relaxed);
            if held.job.due >= since.after(GIVE_UP).min(held.job.expires_at) {
                self.queue.settled(&held, now);
                self.give_up(held, reason).await;
                continue;
            }
            again.push(held);
        }
        // Written down together, and anew if they are already, so that a restart goes on counting.
        let is_kept = self.commit(again.iter().map(|held| self.job_write(&held.job)).collect()).await;
        for mut held in again {
            held.stored |= is_kept;
            let step = PushStep::Retry {
                provider: Some(provider.to_owned()).filter(|name| !name.is_empty()),
                attempt: held.job.attempt,
                reason: reason.to_owned(),
                again_at: held.job.due,
            };
            self.note(&held.job, step);
            if is_kept {
                held.release();
            } else if let Some(ticket) = &held.ticket {
                ticket.fail();
            }
            if let Some(replaced) = self.queue.again(held, now) {
                self.replaced(replaced).await;
            }
        }
    }

    /// Moves a notification to the dead letters.
    pub(super) async fn give_up(&mut self, mut held: Held, reason: &str) {
        self.health.given_up.fetch_add(1, Ordering::Relaxed);
        let step = PushStep::GivenUp { attempts: held.job.attempt, reason: reason.to_owned() };
        self.note(&held.job, step);
        let id = self.work.core.ports.ids.next();
        let writes = vec![dead::write(id, &held.job, self.work.core.now(), reason), Ok(self.job_deletion(&held.job))];
        if !self.commit(writes).await
            && let Some(ticket) = &held.ticket
        {
            ticket.fail();
        }
        held.release();
    }

    /// Forgets the device of a notification, whose address is dead.
    async fn forget(&mut self, held: &Held) {
        let (user, endpoint) = (held.job.user, held.job.endpoint);
        if let Err(error) = self.work.forget(&self.scope, user, endpoint).await {
            tracing::warn!(tenant = %self.scope.tenant(), %endpoint, %error, "a dead address could not be forgotten");
        }
        for waiting in self.queue.drop_device(endpoint) {
            self.dropped(waiting, super::story::Dropped::Unbound).await;
        }
    }

    /// Tells the tenant's admins once that a provider fails again and again.
    async fn alarm(&self, provider: &str, reason: &str) {
        if self.failures != ALARM {
            return;
        }
        let text = if provider.is_empty() {
            format!("notifications for devices of the kind {} wait: {reason}", self.kind)
        } else {
            format!("the push provider {provider} keeps failing: {reason}")
        };
        let alert = Signal::Alert { code: "push-failing".to_owned(), text };
        if let Err(error) = self.work.core.ports.feed.publish(&self.scope, alert).await {
            tracing::warn!(tenant = %self.scope.tenant(), %error, "admins were not told of a failing push provider");
        }
    }
}

/// Whether a failure may be the fault of one notification in the batch.
const fn is_its_own_fault(error: &HookError) -> bool {
    matches!(
        error,
        HookError::Trapped { .. }
            | HookError::OutOfMemory { .. }
            | HookError::InvalidAnswer { .. }
            | HookError::Refused(Refusal::Unsupported { .. })
    )
}

/// Any time up to a pause that grows, so that what failed together does not come back together; at least
/// half of it, so that a provider in need has some rest.
fn pause(attempts: u32, ids: &dyn Ids) -> Duration {
    let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let greatest = FIRST.saturating_mul(factor).min(LONGEST);
    let millis = u64::try_from(greatest.as_millis()).unwrap_or(u64::MAX);
    // All but six of the last 64 bits of a UUIDv7 are random (RFC 9562).
    let random = ids.next().as_u64_pair().1 & (u64::MAX >> 6);
    Duration::from_millis(millis / 2 + random % (millis / 2).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_domain::RandomIds;

    #[test]
    fn pauses_grow_up_to_the_longest_and_never_vanish() {
        for (attempts, greatest) in [(1, 1_000), (2, 2_000), (10, 512_000), (11, 600_000), (u32::MAX, 600_000)] {
            let pause = u64::try_from(pause(attempts, &RandomIds).as_millis()).unwrap();
            assert!((greatest / 2..=greatest).contains(&pause), "{attempts}: {pause}");
        }
    }
}
