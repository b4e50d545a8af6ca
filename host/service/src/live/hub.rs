//! The hub: how the rest of the service talks to the dispatcher.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use warbler_domain::{ConversationId, SessionId, TenantId, Timestamp, UserId};

use super::Delivery;
use super::mailbox::Mailbox;
use crate::authentication::Session;
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

/// Sessions by the person they belong to.
type SessionsHere = HashMap<(TenantId, UserId), Vec<Arc<Session>>>;

/// Who is connected, to whichever node.
#[derive(Default)]
pub(crate) struct Online {
    people: RwLock<HashSet<(TenantId, UserId)>>,
    /// Sessions with a connection to this node, once for each connection.
    here: RwLock<SessionsHere>,
}

impl Online {
    pub(crate) fn has(&self, tenant: TenantId, user: UserId) -> bool {
        self.people.read().contains(&(tenant, user))
    }

    /// Whether they are connected, and did something within `idle` before `now`; nothing done counts where
    /// `idle` is zero, and on other nodes, of which only the connection is known.
    pub(crate) fn is_active(&self, tenant: TenantId, user: UserId, now: Timestamp, idle: Duration) -> bool {
        let here = self.here.read();
        match here.get(&(tenant, user)) {
            Some(_) if idle.is_zero() => true,
            Some(sessions) => sessions.iter().any(|session| {
                let active_at = Timestamp::from_millis(session.active_at.load(Ordering::Relaxed));
                session.ended().is_none() && now.since(active_at) < idle
            }),
            None => self.has(tenant, user),
        }
    }

    pub(super) fn came(&self, tenant: TenantId, user: UserId, session: &Arc<Session>) {
        self.here.write().entry((tenant, user)).or_default().push(Arc::clone(session));
    }

    pub(super) fn went(&self, tenant: TenantId, user: UserId, session: &Arc<Session>) {
        let mut here = self.here.write();
        let Some(sessions) = here.get_mut(&(tenant, user)) else { return };
        if let Some(at) = sessions.iter().position(|other| Arc::ptr_eq(other, session)) {
            sessions.swap_remove(at);
        }
        if sessions.is_empty() {
            here.remove(&(tenant, user));
        }
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
