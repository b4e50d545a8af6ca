//! The sweeper: one thread that gives up idle instances, apart from live traffic. It ends soon after
//! the runtime is gone.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crate::RuntimeError;
use crate::house::House;

/// How often it looks. Lines that a log left out are told this long after their second at the latest.
const ROUND: Duration = Duration::from_secs(1);

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
    loop {
        thread::sleep(ROUND);
        match house.upgrade() {
            Some(house) => house.sweep(),
            None => return,
        }
    }
}
