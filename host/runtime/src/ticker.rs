//! The epoch ticker: one thread that moves the engine's epoch every millisecond, which is when guests
//! are looked at. It ends when the engine's last user is gone.

use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, EngineWeak};

use crate::RuntimeError;

/// The longest that a guest computes without being looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);

const NAME: &str = "warbler-epochs";

/// Starts the thread.
pub(crate) fn start(engine: &Engine) -> Result<(), RuntimeError> {
    let engine = engine.weak();
    thread::Builder::new()
        .name(NAME.into())
        .spawn(move || tick(&engine))
        .map(drop)
        .map_err(|source| RuntimeError::Thread { name: NAME, source })
}

fn tick(engine: &EngineWeak) {
    let mut next = Instant::now();
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        let now = Instant::now();
        // After a pause of the machine, one tick stands for all those that were missed.
        next = (next + TICK).max(now);
        thread::sleep(next.saturating_duration_since(now).max(TICK / 4));
    }
}
