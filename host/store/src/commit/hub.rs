//! Those who want to hear of what was committed: followers of the log and watchers of state.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use warbler_domain::{Committed, StateChange, StateKey};

/// Groups that a follower may be behind before writers wait for it. A group is at most 1 MiB, and
/// rarely more than a few hundred events.
const BEHIND: usize = 1024;

type Follower = mpsc::Sender<Arc<[Committed]>>;
type Watcher = (StateKey, mpsc::UnboundedSender<StateChange>);

/// Those who want to hear of what was committed. Nothing once the store is closed.
pub(crate) struct Hub(Mutex<Option<Ears>>);

#[derive(Default)]
struct Ears {
    followers: Vec<Follower>,
    watchers: Vec<Watcher>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(Ears::default())))
    }

    /// Every group from now on.
    pub(crate) fn follow(&self) -> BoxStream<'static, Arc<[Committed]>> {
        let (sender, receiver) = mpsc::channel(BEHIND);
        match self.0.lock().as_mut() {
            Some(ears) => ears.followers.push(sender),
            None => return stream::empty().boxed(),
        }
        ReceiverStream::new(receiver).boxed()
    }

    /// Every change under `prefix` from now on.
    pub(crate) fn watch(&self, prefix: &StateKey) -> BoxStream<'static, StateChange> {
        let (sender, receiver) = mpsc::unbounded_channel();
        match self.0.lock().as_mut() {
            Some(ears) => ears.watchers.push((prefix.clone(), sender)),
            None => return stream::empty().boxed(),
        }
        UnboundedReceiverStream::new(receiver).boxed()
    }

    /// Those who follow at this moment.
    pub(super) fn followers(&self) -> Vec<Follower> {
        self.0.lock().as_mut().map_or_else(Vec::new, |ears| {
            ears.followers.retain(|follower| !follower.is_closed());
            ears.followers.clone()
        })
    }

    /// Tells watchers.
    pub(super) fn tell(&self, changes: &[StateChange]) {
        if let Some(ears) = self.0.lock().as_mut() {
            ears.watchers.retain(|(prefix, watcher)| {
                let mut matching = changes.iter().filter(|change| lies_under(&change.key, prefix));
                !watcher.is_closed() && matching.all(|change| watcher.send(change.clone()).is_ok())
            });
        }
    }

    /// Ends all streams, once what they hold was read.
    pub(super) fn close(&self) {
        *self.0.lock() = None;
    }
}

/// Whether `key` is `prefix`, or continues it after a slash.
pub(crate) fn lies_under(key: &StateKey, prefix: &StateKey) -> bool {
    key.as_str()
        .strip_prefix(prefix.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.as_str().ends_with('/'))
}
