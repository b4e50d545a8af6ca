//! From the engine's errors to the domain's: why a call gave no answer, in words for an admin.

use std::time::Duration;

use warbler_domain::{ByteSize, HookError, HookLimits, Refusal};
use wasmtime::{Trap, WasmBacktrace};

use crate::log_gate::tidy;
use crate::memory::{MemoryLimiter, Refused};

/// A fault of the host's own that ends a call, and is no fault of the plugin's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostFault {
    /// The plugin's store did not answer.
    #[error("the store is unavailable")]
    StoreUnavailable,
}

/// How long to wait before a call is tried again that the store failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Why the call under `limits` failed with `error`.
pub(crate) fn hook_error(error: &wasmtime::Error, memory: &mut MemoryLimiter, limits: &HookLimits) -> HookError {
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return HookError::Overrun { limit: limits.deadline };
    }
    if error.downcast_ref::<HostFault>().is_some() {
        return Refusal::Unavailable { after: STORE_RETRY }.into();
    }
    match memory.take_refused() {
        Some(Refused::Memory) => return HookError::OutOfMemory { limit: ByteSize(limits.memory.0) },
        Some(Refused::Table) => {
            let limit = crate::engine::TABLE_ELEMENTS;
            return HookError::Trapped { text: format!("it asked for more than {limit} table elements") };
        }
        None => {}
    }
    // What fails after the guest has returned has neither a trap nor a trace of its code: the host
    // was reading the answer.
    if trap.is_none() && error.downcast_ref::<WasmBacktrace>().is_none() {
        return HookError::InvalidAnswer { text: text(error) };
    }
    HookError::Trapped { text: text(error) }
}

/// The cause, in one line.
pub(crate) fn text(error: &wasmtime::Error) -> String {
    let cause = error.root_cause().to_string();
    tidy(cause.strip_prefix("wasm trap: ").unwrap_or(&cause))
}

/// The whole chain, in one line; for errors whose context names what went wrong.
pub(crate) fn chain(error: &wasmtime::Error) -> String {
    tidy(&format!("{error:#}"))
}
