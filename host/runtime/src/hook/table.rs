//! What is known of a plugin's hooks after the commit: where they are exported, with what limits they are
//! called, and how often they were.

use std::sync::atomic::{AtomicUsize, Ordering};

use warbler_domain::{HookError, HookKind, HookLimits, InstallationId, TenantId};
use wasmtime::Store;
use wasmtime::component::{Instance as Linked, InstancePre};

use super::bindings::exports::warbler::plugin::{agent, backup_sink, push};
use super::meter::HookMeter;
use crate::state::GuestState;

/// Where a component exports its hooks.
pub(crate) struct Casts {
    agent: Option<agent::GuestIndices>,
    push: Option<push::GuestIndices>,
    sink: Option<backup_sink::GuestIndices>,
}

impl Casts {
    /// Finds those of `hooks` in `pre`.
    pub(crate) fn new(pre: &InstancePre<GuestState>, hooks: &[HookKind]) -> wasmtime::Result<Self> {
        let has = |hook| hooks.contains(&hook);
        Ok(Self {
            agent: has(HookKind::Agent).then(|| agent::GuestIndices::new(pre)).transpose()?,
            push: has(HookKind::Push).then(|| push::GuestIndices::new(pre)).transpose()?,
            sink: has(HookKind::BackupSink).then(|| backup_sink::GuestIndices::new(pre)).transpose()?,
        })
    }

    /// The same in one instance.
    pub(crate) fn load(&self, store: &mut Store<GuestState>, linked: &Linked) -> wasmtime::Result<Guests> {
        Ok(Guests {
            agent: self.agent.as_ref().map(|agent| agent.load(&mut *store, linked)).transpose()?,
            push: self.push.as_ref().map(|push| push.load(&mut *store, linked)).transpose()?,
            sink: self.sink.as_ref().map(|sink| sink.load(&mut *store, linked)).transpose()?,
        })
    }
}

/// The hooks of one instance.
pub(crate) struct Guests {
    agent: Option<agent::Guest>,
    push: Option<push::Guest>,
    sink: Option<backup_sink::Guest>,
}

impl Guests {
    pub(super) fn agent(&self) -> wasmtime::Result<&agent::Guest> {
        there(self.agent.as_ref(), "agent")
    }

    pub(super) fn push(&self) -> wasmtime::Result<&push::Guest> {
        there(self.push.as_ref(), "push provider")
    }

    pub(super) fn sink(&self) -> wasmtime::Result<&backup_sink::Guest> {
        there(self.sink.as_ref(), "backup sink")
    }
}

fn there<'a, G>(guest: Option<&'a G>, what: &str) -> wasmtime::Result<&'a G> {
    guest.ok_or_else(|| wasmtime::format_err!("the component exports no {what}"))
}

/// The desks of one installation, one per hook.
pub(crate) struct Hooks(Vec<Desk>);

/// Where the calls of one hook are received.
pub(crate) struct Desk {
    pub(super) hook: HookKind,
    pub(super) limits: HookLimits,
    pub(super) meter: HookMeter,
    /// Calls that run or wait.
    line: AtomicUsize,
}

impl Hooks {
    /// Desks for a plugin that exports `hooks`, where `limits` are those of the first of them.
    pub(crate) fn new(hooks: &[HookKind], limits: HookLimits, tenant: TenantId, installation: InstallationId) -> Self {
        let first = hooks.iter().min().copied();
        let after = hooks.iter().copied().filter(|hook| *hook != HookKind::ContentFilter);
        let desks = after.map(|hook| Desk {
            hook,
            limits: if first == Some(hook) {
                limits
            } else {
                HookLimits { memory: limits.memory, ..HookLimits::of(hook) }
            },
            meter: HookMeter::new(hook, tenant, installation),
            line: AtomicUsize::new(0),
        });
        Self(desks.collect())
    }

    /// The desk of `hook`; none if the plugin does not have it, and for content filters, which are received in `call`.
    pub(super) fn desk(&self, hook: HookKind) -> Option<&Desk> {
        self.0.iter().find(|desk| desk.hook == hook)
    }

    /// Calls answered and calls failed, of all of them.
    pub(crate) fn read(&self) -> [u64; 2] {
        self.0
            .iter()
            .map(|desk| desk.meter.read())
            .fold([0, 0], |[calls, failures], [more, failed]| [calls + more, failures + failed])
    }
}

impl Desk {
    /// A place in the line of calls that run or wait.
    pub(super) fn enter(&self) -> Result<InLine<'_>, HookError> {
        let place = InLine(&self.line);
        let limit = self.limits.concurrency;
        // Dropping the place takes the call out of the line again.
        if self.line.fetch_add(1, Ordering::Relaxed) >= limit { Err(HookError::Busy { limit }) } else { Ok(place) }
    }
}

/// A place in a desk's line, left when dropped.
pub(super) struct InLine<'a>(&'a AtomicUsize);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
