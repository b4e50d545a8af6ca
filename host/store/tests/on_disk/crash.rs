//! SIGKILL under load, many times: everything acknowledged is there.

use crate::open;
use crate::writer::{Acknowledged, Writer, rounds};

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..rounds("WARBLER_CRASH_ROUNDS", 10) {
        let mut writer = Writer::start(folder.path(), round);
        // A different place in each round, so that it is killed at different work.
        let count = 100 + usize::try_from(round * 37 % 211).unwrap();
        writer.read(&mut acknowledged, count);
        writer.kill(&mut acknowledged);
        let store = open(folder.path());
        acknowledged.compare(&store).await;
        store.close().await;
    }
    assert!(acknowledged.events() >= 1000);
}
