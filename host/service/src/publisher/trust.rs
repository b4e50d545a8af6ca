//! What is trusted, as it is kept: the operator's part in one record, each tenant's narrowing in its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use warbler_domain::{Clock, Expect, State, StateKey, StateWrite, StoreError, TenantId, TenantScope, Timestamp};
use warbler_package::{Narrowing, Publisher, Requirement, RevocationList, TrustPolicy};

use super::{DevelopmentKey, ENTRIES};
use crate::ServiceError;
use crate::audit::{Audit, NewEntry};
use crate::plugin_author::{Author, apart};
use crate::ports::Tasks;

/// The operator's part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trusted {
    pub(crate) publishers: Vec<Publisher>,
    pub(crate) require: Requirement,
    pub(crate) revoked: RevocationList,
    pub(crate) development: BTreeMap<TenantId, DevelopmentKey>,
}

impl Trusted {
    pub(super) fn add(&mut self, publisher: Publisher) -> Result<(), ServiceError> {
        let id = publisher.key.id();
        if self.revoked.check_key(id).is_err() {
            return Err(ServiceError::invalid("key", format!("{id} is revoked")));
        }
        let others = || self.publishers.iter().filter(|known| known.key != publisher.key);
        if others().any(|known| known.key.id() == id) {
            return Err(ServiceError::invalid("key", format!("has the id {id} of another publisher's key")));
        }
        if others().any(|known| known.name == publisher.name) {
            return Err(ServiceError::invalid("name", format!("{:?} is another publisher's", publisher.name)));
        }
        self.publishers.retain(|known| known.key != publisher.key);
        self.publishers.push(publisher);
        Ok(())
    }

    pub(super) fn develop(&mut self, tenant: TenantId, key: Option<DevelopmentKey>) -> Result<(), ServiceError> {
        let Some(key) = key else {
            self.development.remove(&tenant);
            return Ok(());
        };
        let id = key.key.id();
        if self.revoked.check_key(id).is_err() {
            return Err(ServiceError::invalid("key", format!("{id} is revoked")));
        }
        self.development.insert(tenant, key);
        Ok(())
    }

    fn check_size(&self) -> Result<(), ServiceError> {
        let entries =
            self.publishers.len() + self.revoked.keys.len() + self.revoked.digests.len() + self.development.len();
        if entries > ENTRIES {
            let limit = u64::try_from(ENTRIES).ok();
            let problem = format!("would be more than {ENTRIES} entries");
            return Err(ServiceError::Invalid { field: "publishers", problem, limit });
        }
        Ok(())
    }
}

/// What is trusted. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Trust {
    inner: Arc<Inner>,
}

struct Inner {
    state: Arc<dyn State>,
    audit: Audit,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    present: ArcSwap<Trusted>,
    change: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// Trust that is kept in `state`: nobody's, until it is loaded.
    pub(crate) fn new(state: Arc<dyn State>, audit: Audit, clock: Arc<dyn Clock>, tasks: Tasks) -> Self {
        let (present, change) = (ArcSwap::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { state, audit, clock, tasks, present, change }) }
    }

    /// Reads the operator's part.
    ///
    /// # Errors
    /// The store failed, or the record does not open. Nobody is trusted then.
    pub(crate) async fn load(&self) -> Result<(), ServiceError> {
        let kept = self.kept().await?;
        for (tenant, development) in &kept.0.development {
            tracing::warn!(
                %tenant, key = %development.key.id(),
                "DEVELOPMENT MODE: packages by a local key are accepted for this tenant"
            );
        }
        self.inner.present.store(Arc::new(kept.0));
        Ok(())
    }

    /// The operator's part at this moment.
    pub(crate) fn present(&self) -> Arc<Trusted> {
        self.inner.present.load_full()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whom the tenant trusts: the operator's policy, narrowed by the tenant's, and its development key.
    ///
    /// # Errors
    /// The store failed, or the tenant's record does not open.
    pub(crate) async fn policy(&self, scope: &TenantScope) -> Result<TrustPolicy, ServiceError> {
        let narrowing = self.narrowing(scope).await?;
        let trusted = self.present();
        let policy = TrustPolicy {
            publishers: trusted.publishers.clone(),
            require: trusted.require.clone(),
            revoked: trusted.revoked.clone(),
        };
        let policy = policy.narrowed_by(&narrowing);
        // The key is the tenant's own, so that its narrowing to some publishers does not shut it out.
        Ok(match trusted.development.get(&scope.tenant()) {
            Some(development) => policy.with_development_key(development.name.clone(), development.key),
            None => policy,
        })
    }

    /// The tenant's narrowing.
    ///
    /// # Errors
    /// The store failed, or the record does not open.
    pub(crate) async fn narrowing(&self, scope: &TenantScope) -> Result<Narrowing, ServiceError> {
        let kept = self.inner.state.get(scope, &narrowing_key()).await?;
        Ok(kept.map_or_else(|| Ok(Narrowing::default()), |kept| read(&kept.value))?)
    }

    pub(super) async fn narrow(&self, author: &Author, narrowing: Narrowing) -> Result<(), ServiceError> {
        let only = narrowing.publishers.as_ref();
        let entry = NewEntry::new(author.actor.clone(), "publisher.narrow")
            .detail("publishers", only.map(|keys| keys.iter().map(ToString::to_string).collect::<Vec<_>>()))
            .detail("revocations", narrowing.revoked.keys.len() + narrowing.revoked.digests.len());
        let write = StateWrite { key: narrowing_key(), value: Some(written(&narrowing)?), expect: Expect::Any };
        self.inner.audit.commit(&author.scope, vec![write], entry).await?;
        Ok(())
    }

    pub(super) async fn change(
        &self,
        entry: NewEntry,
        change: impl FnOnce(&mut Trusted) -> Result<(), ServiceError> + Send + 'static,
    ) -> Result<(), ServiceError> {
        let trust = self.clone();
        apart(&self.inner.tasks, async move { trust.change_now(entry, change).await }).await
    }

    async fn change_now(
        &self,
        entry: NewEntry,
        change: impl FnOnce(&mut Trusted) -> Result<(), ServiceError> + Send,
    ) -> Result<(), ServiceError> {
        let _turn = self.inner.change.lock().await;
        let (mut trusted, expect) = self.kept().await?;
        change(&mut trusted)?;
        trusted.check_size()?;
        let write = StateWrite { key: trust_key(), value: Some(written(&trusted)?), expect };
        self.inner.audit.commit(&Author::operator().scope, vec![write], entry).await?;
        self.inner.present.store(Arc::new(trusted));
        Ok(())
    }

    async fn kept(&self) -> Result<(Trusted, Expect), StoreError> {
        match self.inner.state.get(&Author::operator().scope, &trust_key()).await? {
            None => Ok((Trusted::default(), Expect::Absent)),
            Some(kept) => Ok((read(&kept.value)?, Expect::Version(kept.version))),
        }
    }
}

fn trust_key() -> StateKey {
    StateKey::new("trust", &[])
}

fn narrowing_key() -> StateKey {
    StateKey::new("trust-narrowing", &[])
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "trust" })
}

fn written(value: &impl Serialize) -> Result<Bytes, ServiceError> {
    let bytes = serde_json::to_vec(value).map_err(|_| ServiceError::Internal { what: "writing what is trusted" })?;
    Ok(bytes.into())
}
