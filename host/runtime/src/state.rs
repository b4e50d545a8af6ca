//! What a guest's store holds: what the installation was lent, and what the call under way may use.

use std::sync::Arc;

use tokio::time::Instant;
use warbler_domain::{Clock, Folders, Grants, Lexicons, MailRelays, PluginStorage, SecretSource, TenantId};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::hook::Lending;
use crate::http::Fetcher;
use crate::lane::Turn;
use crate::log_gate::LogGate;
use crate::memory::MemoryLimiter;
use crate::wasi::Wasi;

/// What one installation was lent, shared by all its instances.
pub(crate) struct Lent {
    pub(crate) grants: Grants,
    pub(crate) storage: Arc<dyn PluginStorage>,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) log: Arc<LogGate>,
    pub(crate) fetcher: Fetcher,
    /// Whose installation it is, and so whose part of a folder it sees, and which relays.
    pub(crate) tenant: TenantId,
    pub(crate) folders: Arc<dyn Folders>,
    pub(crate) mail: Arc<dyn MailRelays>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The data of one instance's store.
pub(crate) struct GuestState {
    pub(crate) lent: Arc<Lent>,
    pub(crate) memory: MemoryLimiter,
    pub(crate) turn: Turn,
    /// When the call under way is interrupted.
    pub(crate) deadline: Instant,
    /// The word lists of the call under way.
    pub(crate) lexicons: Option<Arc<dyn Lexicons>>,
    /// What an agent may use in the call under way.
    pub(crate) lending: Option<Box<Lending>>,
    /// Whether the guest still holds what it was lent for a call that is over.
    pub(crate) littered: bool,
    /// Whether the guest asked for anything that can differ between two runs, so that a snapshot
    /// would freeze it.
    pub(crate) asked: bool,
    wasi: Option<Box<Wasi>>,
}

impl GuestState {
    pub(crate) fn new(lent: Arc<Lent>, memory: MemoryLimiter, turn: Turn, deadline: Instant) -> Self {
        Self { lent, memory, turn, deadline, lexicons: None, lending: None, littered: false, asked: false, wasi: None }
    }

    /// Takes back what was lent for one call, which is over.
    pub(crate) fn end_call(&mut self) {
        self.lexicons = None;
        if let Some(lending) = self.lending.take() {
            self.littered |= !lending.is_settled();
        }
        self.turn.leave();
        if let Some(wasi) = &self.wasi {
            wasi.end_lines();
        }
    }

    /// Notes that the guest asks for something of the outside, and is about to wait for it.
    pub(crate) fn waits(&mut self) {
        self.asked = true;
        self.turn.leave();
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.asked = true;
        // Made when first used: most guests never do.
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&self.lent)));
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}
