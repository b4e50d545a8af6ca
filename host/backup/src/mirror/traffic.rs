//! Which sinks are being written to by this host. A blob that is on its way to several sinks is in some of them a moment
//! before it is in the others: whoever reads it then must not take it for lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use warbler_domain::MirroredSink;

/// The writes to every sink, by its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Mutex<HashMap<String, Arc<Writes>>>>);

/// Writes to one sink.
#[derive(Debug, Default)]
pub(super) struct Writes {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Writes that are under way until this is dropped.
pub(super) struct Writing(Vec<Arc<Writes>>);

impl Traffic {
    /// Those of these sinks, also through other mirrors.
    pub(super) fn of(&self, sinks: &[MirroredSink]) -> Vec<Arc<Writes>> {
        let mut known = self.0.lock();
        sinks.iter().map(|sink| Arc::clone(known.entry(sink.id.clone()).or_default())).collect()
    }
}

/// Begins a write.
pub(super) fn begin(writes: &[Arc<Writes>]) -> Writing {
    for of in writes {
        of.begun.fetch_add(1, Ordering::SeqCst);
    }
    Writing(writes.to_vec())
}

impl Drop for Writing {
    fn drop(&mut self) {
        for of in &self.0 {
            of.ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// How many writes there were so far; nothing if any is under way.
pub(super) fn quiet(writes: &[Arc<Writes>]) -> Option<u64> {
    // In this order: what ended by then had begun, so that as many that began by now are all of them.
    let ended: u64 = writes.iter().map(|of| of.ended.load(Ordering::SeqCst)).sum();
    let begun: u64 = writes.iter().map(|of| of.begun.load(Ordering::SeqCst)).sum();
    (begun == ended).then_some(begun)
}
