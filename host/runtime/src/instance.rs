//! Instances: how one is made from its installation's mould, called, and found worn.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use warbler_domain::{HookError, HookKind, HookLimits, Lexicons};
use wasmtime::component::{Instance as Linked, InstancePre};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, UpdateDeadline};

use crate::bindings::exports::warbler::plugin::{content_filter, lifecycle};
use crate::failure;
use crate::hook::{Casts, Guests, Job, Refusing};
use crate::lane::{TenantShare, Turn};
use crate::memory::MemoryLimiter;
use crate::options::Reuse;
use crate::state::{GuestState, Lent};

/// Bytes that a guest may hand to the host in one call: a thousand findings, or the longest body that
/// a message can have, many times over.
const HOST_CALL_BYTES: usize = 1 << 20;
/// Handles of host resources that an instance may hold at a time: WASI's, and an agent's completions.
const HANDLES: usize = 1_000;

/// Why no instance could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    /// All places are taken.
    #[error("all {0}")]
    Full(String),
    /// It does not start.
    #[error("{0}")]
    Start(String),
    /// Its `init` returned an error.
    #[error("its init refused the configuration: {0}")]
    Refused(String),
    /// Its `init` trapped or overran.
    #[error("its init failed")]
    Init(#[source] HookError),
}

/// What all instances of one installation are made from.
pub(crate) struct Mould {
    pub(crate) engine: Engine,
    pub(crate) lent: Arc<Lent>,
    pub(crate) tenant: Arc<TenantShare>,
    pub(crate) limits: HookLimits,
    pub(crate) config: String,
    pub(crate) init_deadline: Duration,
}

/// A component that is linked, and ready to be instantiated in a mould.
pub(crate) struct Cast {
    pre: InstancePre<GuestState>,
    lifecycle: lifecycle::GuestIndices,
    filter: Option<content_filter::GuestIndices>,
    hooks: Casts,
    /// Whether instances start as their `init` left them.
    pub(crate) initialised: bool,
}

impl Cast {
    /// Finds the exports of `pre`.
    pub(crate) fn new(pre: InstancePre<GuestState>, hooks: &[HookKind], initialised: bool) -> wasmtime::Result<Self> {
        let filters = hooks.contains(&HookKind::ContentFilter);
        let filter = filters.then(|| content_filter::GuestIndices::new(&pre)).transpose()?;
        let lifecycle = lifecycle::GuestIndices::new(&pre)?;
        let hooks = Casts::new(&pre, hooks)?;
        Ok(Self { pre, lifecycle, filter, hooks, initialised })
    }
}

impl Mould {
    /// A store under the limits of the installation.
    pub(crate) fn store(&self, deadline: Instant) -> Store<GuestState> {
        let memory = MemoryLimiter::new(self.limits.memory.as_usize());
        let turn = Turn::new(Arc::clone(&self.tenant));
        let mut store = Store::new(&self.engine, GuestState::new(Arc::clone(&self.lent), memory, turn, deadline));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOST_CALL_BYTES);
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let state = context.data();
            if Instant::now() >= state.deadline {
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::YieldCustom(1, state.turn.next()))
        });
        store
    }

    /// Makes an instance, and calls its `init` unless it starts initialised. `deadline` is for both.
    pub(crate) async fn make(&self, cast: &Cast, deadline: Instant) -> Result<Instance, MakeError> {
        let mut store = self.store(deadline);
        let linked = match cast.pre.instantiate_async(&mut store).await {
            Ok(linked) => linked,
            Err(error) => return Err(self.does_not_start(&error, &mut store)),
        };
        let filter = cast.filter.as_ref().map(|filter| filter.load(&mut store, &linked));
        let filter = filter.transpose().map_err(|error| MakeError::Start(failure::chain(&error)))?;
        let hooks = cast.hooks.load(&mut store, &linked).map_err(|error| MakeError::Start(failure::chain(&error)))?;
        if !cast.initialised {
            self.init(&cast.lifecycle, &mut store, &linked).await?;
        }
        store.data_mut().end_call();
        let base = store.data().memory.used();
        Ok(Instance { store, filter, hooks, base, calls: 0 })
    }

    /// Calls `init` with the tenant's configuration.
    pub(crate) async fn init(
        &self,
        lifecycle: &lifecycle::GuestIndices,
        store: &mut Store<GuestState>,
        linked: &Linked,
    ) -> Result<(), MakeError> {
        let guest = lifecycle.load(&mut *store, linked);
        let guest = guest.map_err(|error| MakeError::Start(failure::chain(&error)))?;
        match guest.call_init(&mut *store, &self.config).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(text)) => Err(MakeError::Refused(crate::log_gate::tidy(&text))),
            Err(error) => {
                let limits = HookLimits { deadline: self.init_deadline, ..self.limits };
                Err(MakeError::Init(failure::hook_error(&error, &mut store.data_mut().memory, &limits)))
            }
        }
    }

    fn does_not_start(&self, error: &wasmtime::Error, store: &mut Store<GuestState>) -> MakeError {
        if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
            return MakeError::Full(full.to_string());
        }
        match failure::hook_error(error, &mut store.data_mut().memory, &self.limits) {
            HookError::InvalidAnswer { text } => MakeError::Start(text),
            error => MakeError::Start(error.to_string()),
        }
    }
}

/// One instance, for one call at a time. Dropping it frees all that it took.
pub(crate) struct Instance {
    store: Store<GuestState>,
    pub(crate) filter: Option<content_filter::Guest>,
    hooks: Guests,
    /// Memory that it had after its `init`.
    base: usize,
    calls: u64,
}

impl Instance {
    /// Lends what one call may use, until `deadline`, and the store to make it in. [`Self::end`] takes it back.
    pub(crate) fn begin(&mut self, lexicons: Option<Arc<dyn Lexicons>>, deadline: Instant) -> &mut Store<GuestState> {
        self.calls += 1;
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.deadline = deadline;
        state.lexicons = lexicons;
        // What an earlier call was refused, and lived without, says nothing of this one.
        state.memory.take_refused();
        &mut self.store
    }

    /// Takes back what was lent for the call that gave `answer`. After an error the instance is not to be
    /// used again.
    pub(crate) fn end<T>(&mut self, answer: wasmtime::Result<T>, limits: &HookLimits) -> Result<T, HookError> {
        let state = self.store.data_mut();
        state.end_call();
        answer.map_err(|error| failure::hook_error(&error, &mut state.memory, limits))
    }

    /// Calls a hook after the commit. After an error the instance is not to be used again.
    pub(crate) async fn serve<J: Job>(
        &mut self,
        job: &J,
        deadline: Instant,
        limits: &HookLimits,
    ) -> Result<Result<J::Raw, Refusing>, HookError> {
        let store = self.begin(None, deadline);
        store.set_hostcall_fuel(J::HOST_CALL_BYTES);
        job.lend(store.data_mut());
        let answer = job.run(&self.hooks, &mut self.store).await;
        self.store.set_hostcall_fuel(HOST_CALL_BYTES);
        self.end(answer, limits)
    }

    /// Whether it is better made anew than called again.
    pub(crate) fn is_worn(&self, reuse: &Reuse) -> bool {
        let grown = self.store.data().memory.used().saturating_sub(self.base);
        self.calls >= reuse.calls || grown > reuse.growth.as_usize() || self.store.data().littered
    }

    /// Whether anything but its configuration went into its state so far.
    pub(crate) fn has_asked(&self) -> bool {
        self.store.data().asked
    }
}
