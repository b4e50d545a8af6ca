//! Live delivery: connections that get every event of their conversations in order, without gaps or
//! duplicates, and the signals that concern them.
//!
//! One task, the dispatcher, follows the log and the feed and puts deliveries into the mailboxes of
//! connections. It alone knows who follows which conversation, and learns of joining and leaving from the
//! log itself, so that this knowledge changes in the order of events. A mailbox is bounded: where it
//! overflows, it keeps only how far the connection is behind, and the connection reads the rest from the
//! log. Places have no gaps, so that a connection that knows its last place notices whatever it lacks.

mod catch_up;
mod connection;
mod delivery;
mod dispatcher;
mod hub;
mod mailbox;
mod presence;
mod replies;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use warbler_domain::{ConversationId, Sequence, UserId};

pub use connection::Connection;
pub use delivery::{Delivery, Live};
pub(crate) use dispatcher::Dispatcher;
pub(crate) use hub::Hub;
pub(crate) use presence::run as spread_presence;

use crate::core::Core;
use crate::{Caller, ServiceError};

/// The live connections of the host.
#[derive(Clone)]
pub struct Connections {
    core: Arc<Core>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

impl Connections {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Opens a connection. Of each conversation in `cursors` it gets what came after the place there;
    /// 0 stands for all of it. Conversations that are not named are followed from now on. Those that the
    /// caller is not in are passed over: nothing is told of them.
    ///
    /// # Errors
    /// `RateLimited` if the session has too many, `SessionEnded`, or the store failed.
    pub async fn connect(
        &self,
        caller: &Caller,
        cursors: BTreeMap<ConversationId, Sequence>,
    ) -> Result<Connection, ServiceError> {
        Connection::open(Arc::clone(&self.core), caller.clone(), cursors).await
    }

    /// Who of a conversation's members is connected.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn online(&self, caller: &Caller, id: ConversationId) -> Result<Vec<UserId>, ServiceError> {
        caller.live()?;
        let room = self.core.room_of(caller.scope(), caller.user(), id).await?;
        let online = self.core.hub.online();
        Ok(room.members().iter().copied().filter(|user| online.has(caller.tenant(), *user)).collect())
    }
}
