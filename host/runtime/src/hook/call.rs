//! One call of a hook after the commit: the line, the places, the deadline, the instance, and what is left
//! of it.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use warbler_domain::{HookError, HookKind, Instances, LogLevel, Refusal};
use wasmtime::Store;

use super::bindings::warbler::plugin::types::Failure;
use super::table::{Desk, Guests};
use crate::installation::Installation;
use crate::instance::Instance;
use crate::log_gate::tidy;
use crate::options::{Share, Together};
use crate::state::GuestState;

/// The longest that a plugin can ask to wait: as long as a failed push is retried.
pub(super) const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// One thing that is asked of a guest.
pub(crate) trait Job: Send + Sync {
    /// Of which hook.
    const HOOK: HookKind;
    /// Bytes that the guest may hand to the host at once, as an answer or to an import.
    const HOST_CALL_BYTES: usize;
    /// What the guest answers.
    type Raw: Send;
    /// What it means, once it was checked.
    type Answer: Send;

    /// What it is called in logs.
    fn name(&self) -> &'static str;

    /// Lends the guest what it may use for the time of the call.
    fn lend(&self, _state: &mut GuestState) {}

    /// Calls the guest.
    fn run(
        &self,
        guests: &Guests,
        store: &mut Store<GuestState>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Raw, Failure>>> + Send;

    /// Checks what the guest answered; an error says what is wrong with it.
    fn read(&self, raw: Self::Raw) -> Result<Self::Answer, String>;
}

/// Places for calls that are under way, by hook.
pub(crate) struct Places {
    agents: Semaphore,
    pushes: Semaphore,
    sinks: Semaphore,
}

impl Places {
    /// Those of one tenant.
    pub(crate) fn of_tenant(share: &Share) -> Self {
        Self::new(share, |together| together.tenant)
    }

    /// Those of all tenants together, who never take more than half of `instances`.
    pub(crate) fn of_all(share: &Share, instances: u32) -> Self {
        let half = usize::try_from(instances / 2).unwrap_or(usize::MAX);
        Self::new(share, |together| together.all.min(half))
    }

    fn new(share: &Share, most: impl Fn(Together) -> usize) -> Self {
        let places = |together| Semaphore::new(most(together).clamp(1, Semaphore::MAX_PERMITS));
        Self { agents: places(share.agents), pushes: places(share.pushes), sinks: places(share.sinks) }
    }

    async fn take(&self, hook: HookKind) -> Option<SemaphorePermit<'_>> {
        let places = match hook {
            HookKind::Agent => &self.agents,
            HookKind::Push => &self.pushes,
            HookKind::BackupSink => &self.sinks,
            HookKind::ContentFilter => return None,
        };
        // The semaphores of a runtime are never closed.
        places.acquire().await.ok()
    }
}

impl Installation {
    /// Does `job` within the limits of its hook.
    pub(super) async fn serve<J: Job>(&self, job: J) -> Result<J::Answer, HookError> {
        let began = Instant::now();
        let Some(desk) = self.hooks.desk(J::HOOK) else {
            return Err(HookError::NoInstance("it is not called here".into()));
        };
        let answer = self.serve_by(desk, &job, began).await;
        match &answer {
            Ok(_) => desk.meter.answered(began.elapsed()),
            Err(error) => {
                desk.meter.failed(error, began.elapsed());
                self.tell_of(job.name(), error);
            }
        }
        answer
    }

    async fn serve_by<J: Job>(&self, desk: &Desk, job: &J, began: Instant) -> Result<J::Answer, HookError> {
        let _in_line = desk.enter()?;
        let limit = desk.limits.deadline;
        let deadline = began + limit;
        let call = self.serve_in_turn(desk, job, deadline);
        timeout_at(deadline, call).await.unwrap_or(Err(HookError::Overrun { limit }))
    }

    async fn serve_in_turn<J: Job>(&self, desk: &Desk, job: &J, deadline: Instant) -> Result<J::Answer, HookError> {
        // The tenant's place first: who holds a common one waits for nobody's.
        let _tenant = self.mould.tenant.places.take(J::HOOK).await;
        let _common = self.house.places.take(J::HOOK).await;
        // Owned by this call alone: if it fails, or its caller goes away, the instance goes with it.
        let mut owned = Owned { instance: Some(self.instance(deadline).await?), of: self };
        let Some(instance) = &mut owned.instance else {
            return Err(HookError::NoInstance("it was given back".into()));
        };
        let answer = match instance.serve(job, deadline, &desk.limits).await? {
            Ok(raw) => job.read(raw).map_err(|text| HookError::InvalidAnswer { text })?,
            Err(failure) => {
                owned.keep();
                return Err(refusal(failure).into());
            }
        };
        owned.keep();
        Ok(answer)
    }

    /// A line for the admin, and one for the operator, about a call that failed.
    fn tell_of(&self, job: &'static str, error: &HookError) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.log().host(LogLevel::Error, &format!("{job} failed: {error}{cause}"));
        tracing::warn!(tenant = %self.tenant, installation = %self.id, job, code = error.code(), "a plugin failed");
    }
}

/// An instance that a call owns. Unless it is kept, it is thrown away when the call ends.
struct Owned<'a> {
    instance: Option<Instance>,
    of: &'a Installation,
}

impl Owned<'_> {
    fn keep(mut self) {
        if let Some(instance) = self.instance.take() {
            // A reply may have taken its minute, and nobody was idle meanwhile.
            self.of.put(instance, Instant::now());
        }
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        if self.instance.take().is_some() && self.of.mode == Instances::Warm {
            self.of.meter.thrown_away();
        }
    }
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Unavailable(ms) => Refusal::Unavailable { after: Duration::from_millis(ms).min(LONGEST_WAIT) },
        Failure::Misconfigured(text) => Refusal::Misconfigured { text: tidy(&text) },
        Failure::Unsupported(text) => Refusal::Unsupported { text: tidy(&text) },
    }
}
