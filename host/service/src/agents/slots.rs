//! How many replies run at a time: per tenant, as the operator says, and per agent, as its admin says. Those
//! beyond wait in line.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;
use warbler_domain::{TenantId, UserId};

use super::models::TenantBudget;
use super::record::AgentRecord;

/// The replies that run.
#[derive(Default)]
pub(super) struct Slots {
    taken: Mutex<HashMap<(TenantId, Option<UserId>), u32>>,
    freed: Notify,
}

/// The right to run one; given back when it is dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    keys: [(TenantId, Option<UserId>); 2],
}

impl Slots {
    /// Waits until another reply of `agent` may run.
    pub(super) async fn take(&self, tenant: TenantId, agent: &AgentRecord, budget: TenantBudget) -> Slot<'_> {
        let keys = [(tenant, None), (tenant, Some(agent.user))];
        let most = [budget.concurrent_replies, agent.settings.concurrent_replies];
        loop {
            // Before looking, so that what is freed in between is noticed.
            let freed = self.freed.notified();
            if self.try_take(&keys, &most) {
                return Slot { slots: self, keys };
            }
            freed.await;
        }
    }

    fn try_take(&self, keys: &[(TenantId, Option<UserId>); 2], most: &[Option<u32>; 2]) -> bool {
        let mut taken = self.taken.lock();
        let has_room = |(key, most): (&(TenantId, Option<UserId>), &Option<u32>)| {
            most.is_none_or(|most| taken.get(key).copied().unwrap_or_default() < most)
        };
        if !keys.iter().zip(most).all(has_room) {
            return false;
        }
        for key in keys {
            *taken.entry(*key).or_default() += 1;
        }
        true
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        for key in &self.keys {
            if let Some(count) = taken.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.remove(key);
                }
            }
        }
        drop(taken);
        self.slots.freed.notify_waiters();
    }
}
