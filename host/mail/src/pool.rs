//! Connections that wait for the next letter. One is taken out for a letter and put back when the relay is known
//! to wait for a command, so that a letter that was given up midway takes its connection with it. (The pool of
//! lettre puts such a connection back, and the next letter would continue the one before.)

use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a connection may wait. Relays hang up after some minutes, and count those who say nothing.
const IDLE: Duration = Duration::from_secs(30);
/// Letters that one connection carries: the least limit among well-known servers, which is Postfix's and
/// Exchange's advice to their peers.
const LETTERS: u32 = 100;

/// A connection, and how many letters it carried.
pub(crate) struct Carrier {
    pub(crate) connection: AsyncSmtpConnection,
    letters: u32,
}

impl Carrier {
    pub(crate) const fn new(connection: AsyncSmtpConnection) -> Self {
        Self { connection, letters: 0 }
    }
}

/// Those that wait, the latest last.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<(Carrier, Instant)>>,
}

impl Pool {
    /// The one that was used last, if it is not too long ago.
    pub(crate) fn take(&self) -> Option<Carrier> {
        let mut idle = self.idle.lock();
        idle.retain(|(_, since)| since.elapsed() < IDLE);
        idle.pop().map(|(carrier, _)| carrier)
    }

    /// Puts one back after a letter.
    pub(crate) fn put(&self, mut carrier: Carrier) {
        carrier.letters += 1;
        if carrier.letters < LETTERS {
            self.idle.lock().push((carrier, Instant::now()));
        }
    }
}
