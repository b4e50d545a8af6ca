//! The sweeper: one thread that gives up idle instances and old compiled code, apart from live traffic. It
//! ends soon after the runtime is gone.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crate::RuntimeError;
use crate::house::House;

/// How often it looks. Lines that a log left out are told this long after their second at the latest.
const ROUND: Duration = Duration::from_secs(1);

/// Rounds between looks for old compiled code. By the first, an hour after the start, all that is installed
/// has been loaded.
const ROUNDS_TO_PRUNE: u64 = 3_600;

const NAME: &str = "warbler-sweeper";

/// Starts the thread.
pub(crate) fn start(house: &Arc<House>) -> Result<(), RuntimeError> {
    let house = Arc::downgrade(house);
    thread::Builder::new()
        .name(NAME.into())
        .spawn(move || sweep(&house))
        .map(drop)
        .map_err(|source| RuntimeError::Thread { name: NAME, source })
}

fn sweep(house: &Weak<House>) {
    for round in 1_u64.. {
        thread::sleep(ROUND);
        let Some(house) = house.upgrade() else { return };
        house.sweep();
        if round.is_multiple_of(ROUNDS_TO_PRUNE) {
            house.prune();
        }
    }
}
