//! Reading the log: pages in either direction, narrowed by action, actor or subject.

use std::sync::Arc;

use warbler_domain::{StateKey, StoreError, TenantScope, UserId};

use super::entry::{Actor, entry_key};
use super::lane::Head;
use super::{Audit, AuditEntry};

/// Most entries of one page.
const PAGE: usize = 200;

/// Most entries that one call looks at: a filter that matches nothing must not read years of a log.
const LOOK_AT: u64 = 5_000;

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only entries before this number, newest first. The default order, from the end.
    pub before: Option<u64>,
    /// Only entries after this number, oldest first.
    pub after: Option<u64>,
    /// At most so many, from 1 to 200; 0 stands for 50.
    pub limit: usize,
    /// Only this action, or all below it: `plugin` stands for `plugin.install` and its like.
    pub action: Option<String>,
    /// Only what this account did.
    pub actor: Option<UserId>,
    /// Only what concerns the thing with this identifier.
    pub subject: Option<String>,
}

impl AuditQuery {
    fn matches(&self, entry: &AuditEntry) -> bool {
        let action = self.action.as_deref().is_none_or(|action| {
            entry.action.strip_prefix(action).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let actor = self.actor.is_none_or(|id| entry.actor == Actor::User { id });
        let subject = self.subject.as_ref().is_none_or(|id| entry.subjects.values().any(|subject| subject == id));
        action && actor && subject
    }

    fn page(&self) -> usize {
        if self.limit == 0 { 50 } else { self.limit.min(PAGE) }
    }
}

/// A page of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where to go on, as the next `before` or `after`; nothing at the end of the log. A page that is
    /// short, or empty, may still have a next one.
    pub next: Option<u64>,
}

impl Audit {
    /// A page of the tenant's log.
    ///
    /// # Errors
    /// The store failed, or an entry does not open.
    pub async fn list(&self, scope: &TenantScope, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let last = Head::load(&*self.inner.state, scope).await?.number;
        match query.after {
            Some(after) => self.upwards(scope, query, after, last).await,
            None => self.downwards(scope, query, query.before.unwrap_or(u64::MAX).min(last.saturating_add(1))).await,
        }
    }

    async fn upwards(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
        after: u64,
        last: u64,
    ) -> Result<AuditPage, StoreError> {
        let (mut page, mut at) = (AuditPage::default(), after);
        while at < last && at - after < LOOK_AT {
            let found = self.range(scope, at, PAGE).await?;
            if found.is_empty() {
                break;
            }
            for entry in found {
                at = entry.number;
                if query.matches(&entry) {
                    page.entries.push(entry);
                }
                if page.entries.len() == query.page() {
                    page.next = (at < last).then_some(at);
                    return Ok(page);
                }
            }
        }
        page.next = (at < last).then_some(at);
        Ok(page)
    }

    async fn downwards(&self, scope: &TenantScope, query: &AuditQuery, before: u64) -> Result<AuditPage, StoreError> {
        let (mut page, mut at) = (AuditPage::default(), before);
        while at > 1 && before - at < LOOK_AT {
            let from = at.saturating_sub(1).saturating_sub(PAGE as u64);
            let count = usize::try_from(at - 1 - from).unwrap_or(PAGE);
            let found = self.range(scope, from, count).await?;
            for entry in found.into_iter().rev() {
                if query.matches(&entry) {
                    page.next = (entry.number > 1).then_some(entry.number);
                    page.entries.push(entry);
                }
                if page.entries.len() == query.page() {
                    return Ok(page);
                }
            }
            at = from.saturating_add(1);
        }
        page.next = (at > 1).then_some(at);
        Ok(page)
    }

    /// At most `count` entries after the number `after`, in order.
    pub(crate) async fn range(
        &self,
        scope: &TenantScope,
        after: u64,
        count: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let prefix = StateKey::new("audit", &[&""]);
        let found = self.inner.state.scan(scope, &prefix, Some(&entry_key(after)), count).await?;
        let read = |value: &[u8]| serde_json::from_slice(value);
        let entries: Result<_, _> = found.iter().map(|(_, kept)| read(&kept.value)).collect();
        entries.map_err(|_| StoreError::Corrupt { what: "audit entry" })
    }

    /// The entry of this number, if it is there.
    ///
    /// # Errors
    /// The store failed, or the entry does not open.
    pub async fn get(&self, scope: &TenantScope, number: u64) -> Result<Option<Arc<AuditEntry>>, StoreError> {
        let Some(kept) = self.inner.state.get(scope, &entry_key(number)).await? else {
            return Ok(None);
        };
        let entry = serde_json::from_slice(&kept.value).map_err(|_| StoreError::Corrupt { what: "audit entry" })?;
        Ok(Some(Arc::new(entry)))
    }
}
