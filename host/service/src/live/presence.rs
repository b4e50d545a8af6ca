//! Presence: published in the order in which people come and go, and spread to those who share a
//! conversation with them. Apart from the dispatcher, because it reads the store.

use std::sync::Arc;

use tokio::sync::mpsc;
use warbler_domain::{Feed, Signal, State, TenantId, TenantScope, UserId};

use super::delivery::{Delivery, Live};
use super::hub::{Command, Hub};
use crate::records;

/// Conversations by which one person's presence is spread at most; beyond that it would flood a tenant.
const CONVERSATIONS: usize = 512;

/// What is to be done.
pub(crate) enum Presence {
    /// The first connection of someone came to this node, or the last one went.
    Publish {
        /// Whose.
        tenant: TenantId,
        /// Who.
        user: UserId,
        /// Whether they came.
        online: bool,
    },
    /// Someone came or went, on whichever node.
    Spread {
        /// Whose.
        tenant: TenantId,
        /// Who.
        user: UserId,
        /// The signal.
        signal: Signal,
    },
}

/// Works until the dispatcher is gone.
pub(crate) async fn run(
    mut work: mpsc::UnboundedReceiver<Presence>,
    hub: Hub,
    feed: Arc<dyn Feed>,
    state: Arc<dyn State>,
) {
    while let Some(work) = work.recv().await {
        match work {
            Presence::Publish { tenant, user, online } => {
                let scope = TenantScope::own_work(tenant);
                if let Err(error) = feed.publish(&scope, Signal::Presence { user, online }).await {
                    tracing::warn!(%tenant, %error, "presence was not published");
                }
            }
            Presence::Spread { tenant, user, signal } => spread(&hub, &*state, tenant, user, signal).await,
        }
    }
}

async fn spread(hub: &Hub, state: &dyn State, tenant: TenantId, user: UserId, signal: Signal) {
    let scope = TenantScope::own_work(tenant);
    let prefix = records::under("member", &[&user]);
    match records::scan_all(state, &scope, &prefix, CONVERSATIONS).await {
        Ok(found) => {
            let conversations = found.iter().filter_map(|(key, _)| key.last().parse().ok()).collect();
            hub.send(Command::Fan(tenant, conversations, Delivery::new(Live::Signal(signal))));
        }
        Err(error) => tracing::debug!(%tenant, %error, "presence was not spread"),
    }
}
