//! The hub: how the rest of the service talks to the dispatcher.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use warbler_domain::{ConversationId, SessionId, TenantId, UserId};

use super::Delivery;
use super::mailbox::Mailbox;
use crate::{EndReason, ServiceError};

/// What the dispatcher is told.
pub(super) enum Command {
    /// A connection that is there from now on; its user's joining and leaving reach it.
    Register(Arc<Mailbox>, oneshot::Sender<()>),
    /// Conversations that it follows, besides those joined since it was registered and without those left.
    Follow(Arc<Mailbox>, Vec<ConversationId>, oneshot::Sender<()>),
    /// A connection that is gone.
    Unregister(Arc<Mailbox>),
    /// A session that is over.
    End(SessionId, EndReason),
    /// Signals given until now are brought to all before this is answered.
    Settle(oneshot::Sender<()>),
    /// Something for all who follow one of these conversations.
    Fan(TenantId, Vec<ConversationId>, Arc<Delivery>),
}

/// The way to the dispatcher. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Hub {
    commands: mpsc::UnboundedSender<Command>,
    online: Arc<Online>,
}

/// Who is connected, to whichever node.
#[derive(Default)]
pub(crate) struct Online {
    people: RwLock<HashSet<(TenantId, UserId)>>,
}

impl Online {
    pub(crate) fn has(&self, tenant: TenantId, user: UserId) -> bool {
        self.people.read().contains(&(tenant, user))
    }

    pub(super) fn set(&self, tenant: TenantId, user: UserId, online: bool) {
        let mut people = self.people.write();
        if online {
            people.insert((tenant, user));
        } else {
            people.remove(&(tenant, user));
        }
    }
}

/// The dispatcher's end of a hub.
pub(crate) struct Inbox {
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) online: Arc<Online>,
}

impl Hub {
    /// A hub, and the end of it that the dispatcher takes.
    pub(crate) fn new() -> (Self, Inbox) {
        // Not bounded, because a connection that is dropped cannot wait; there are as many commands as
        // connections that come and go.
        let (commands, inbox) = mpsc::unbounded_channel();
        let online = Arc::new(Online::default());
        (Self { commands, online: Arc::clone(&online) }, Inbox { commands: inbox, online })
    }

    pub(crate) fn online(&self) -> &Online {
        &self.online
    }

    /// Closes a session's connections.
    pub(crate) fn end(&self, session: SessionId, reason: EndReason) {
        self.send(Command::End(session, reason));
    }

    /// Waits until every signal that was published on this node until now has reached its mailboxes, so that
    /// what is committed next comes after it.
    pub(crate) async fn settle(&self) -> Result<(), ServiceError> {
        self.ask(Command::Settle).await
    }

    pub(super) fn send(&self, command: Command) {
        // That nobody listens means that the service is closing.
        let _ = self.commands.send(command);
    }

    /// Sends a command and waits until it was carried out.
    pub(super) async fn ask(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> Result<(), ServiceError> {
        let (done, answer) = oneshot::channel();
        self.send(command(done));
        answer.await.map_err(|_| ServiceError::Unavailable { what: "it is closing" })
    }
}
