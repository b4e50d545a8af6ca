//! One call of a content filter: the line, the deadline, the instance, and what is left of it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};
use warbler_domain::{ContentFilter, Decision, HookContext, HookError, Instances, LogLevel, Submission};

use crate::answer;
use crate::installation::Installation;
use crate::instance::{Instance, MakeError};
use crate::message::Texts;

#[async_trait]
impl ContentFilter for Installation {
    async fn check(&self, message: &Submission, context: &HookContext) -> Result<Decision, HookError> {
        let began = Instant::now();
        let decision = self.check_by(message, context, began).await;
        match &decision {
            Ok(_) => self.meter.answered(),
            Err(error) => self.tell(error),
        }
        decision
    }
}

impl Installation {
    /// The whole call, whose deadline counts from when it `began` to wait in line.
    async fn check_by(
        &self,
        message: &Submission,
        context: &HookContext,
        began: Instant,
    ) -> Result<Decision, HookError> {
        let _in_line = self.enter()?;
        let deadline = began + self.mould.limits.deadline;
        let mut call = pin!(self.check_in_turn(message, context, began));
        // Most calls never wait, and so need no timer: the guest's own time is bounded by epochs.
        if let Poll::Ready(decision) = poll_once(call.as_mut()).await {
            return decision;
        }
        let overrun = HookError::Overrun { limit: self.mould.limits.deadline };
        timeout_at(deadline, call).await.unwrap_or(Err(overrun))
    }

    async fn check_in_turn(
        &self,
        message: &Submission,
        context: &HookContext,
        began: Instant,
    ) -> Result<Decision, HookError> {
        let deadline = began + self.mould.limits.deadline;
        let _tenant = place(&self.mould.tenant.calls).await;
        let _slot = place(&self.slots).await;
        // Owned by this call alone: if it fails, or its caller goes away, the instance goes with it.
        let mut owned = Owned { instance: Some(self.instance(deadline).await?), called: began, of: self };
        let Some(instance) = &mut owned.instance else { return Err(HookError::NoInstance("it is gone".into())) };
        let Some(filter) = instance.filter.clone() else {
            return Err(HookError::InvalidAnswer { text: "the component exports no content filter".into() });
        };
        let grants = &self.mould.lent.grants;
        let texts = Texts::new(message, grants, &self.pseudonyms);
        let mentions = texts.mentions();
        let store = instance.begin(Some(Arc::clone(&context.lexicons)), deadline);
        let answer = filter.call_check(store, texts.message(message, &mentions, grants)).await;
        let answer = instance.end(answer, &self.mould.limits)?;
        let decision = answer::read(answer, message);
        if !matches!(decision, Err(HookError::InvalidAnswer { .. })) {
            owned.keep();
        }
        decision
    }

    /// An instance for one call: a warm one if there is one.
    pub(crate) async fn instance(&self, deadline: Instant) -> Result<Instance, HookError> {
        if self.mode == Instances::Warm {
            if let Some(instance) = self.pop() {
                return Ok(instance);
            }
            if !self.cast.initialised {
                return self.made_aside().await;
            }
        }
        self.make(deadline).await.map_err(no_instance)
    }

    /// Makes an instance in a task of its own, because its `init` may take longer than a call may wait:
    /// then this call fails, and a later one finds the instance.
    async fn made_aside(&self) -> Result<Instance, HookError> {
        let gone = |what: &'static str| HookError::NoInstance(what.into());
        let maker = Arc::clone(&self.makers).acquire_owned().await.map_err(|_| gone("the installation is closing"))?;
        if let Some(instance) = self.pop() {
            return Ok(instance);
        }
        let me = self.me.upgrade().ok_or_else(|| gone("the installation is closing"))?;
        let (send, receive) = oneshot::channel();
        tokio::spawn(async move {
            let deadline = Instant::now() + me.mould.init_deadline;
            let made = timeout_at(deadline, me.make(deadline)).await;
            let made =
                made.unwrap_or_else(|_| Err(MakeError::Init(HookError::Overrun { limit: me.mould.init_deadline })));
            drop(maker);
            if let Err(Ok(instance)) = send.send(made) {
                me.put(instance, Instant::now());
            }
        });
        receive.await.map_err(|_| gone("making it was abandoned"))?.map_err(no_instance)
    }

    /// A line for the admin, and one for the operator, about a call that failed.
    fn tell(&self, error: &HookError) {
        self.meter.failed(error);
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.log().host(LogLevel::Error, &format!("content-filter.check failed: {error}{cause}"));
        tracing::warn!(tenant = %self.tenant, installation = %self.id, code = error.code(), "a content filter failed");
    }
}

/// An instance that a call owns. Unless it is kept, it is thrown away when the call ends.
struct Owned<'a> {
    instance: Option<Instance>,
    called: Instant,
    of: &'a Installation,
}

impl Owned<'_> {
    fn keep(mut self) {
        if let Some(instance) = self.instance.take() {
            self.of.put(instance, self.called);
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

fn no_instance(error: MakeError) -> HookError {
    HookError::NoInstance(Box::new(error))
}

/// A place among those that run: at once if there is one, else in turn.
async fn place(places: &Semaphore) -> Option<SemaphorePermit<'_>> {
    match places.try_acquire() {
        Ok(place) => Some(place),
        // The semaphores of a runtime are never closed.
        Err(_) => places.acquire().await.ok(),
    }
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
