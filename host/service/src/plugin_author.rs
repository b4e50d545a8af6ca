//! Who makes a change to plugins, trust or word lists, and changes that are finished even when whoever
//! asked for them has gone.

use std::future::Future;

use tokio::sync::oneshot;
use warbler_domain::TenantScope;

use crate::audit::Actor;
use crate::ports::Tasks;
use crate::{Caller, ServiceError};

/// Who changes something, and in whose data.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) scope: TenantScope,
    pub(crate) actor: Actor,
}

impl From<&Caller> for Author {
    fn from(caller: &Caller) -> Self {
        Self { scope: *caller.scope(), actor: Actor::User { id: caller.user() } }
    }
}

impl Author {
    /// The operator, in the host's own data.
    pub(crate) const fn operator() -> Self {
        Self { scope: TenantScope::operator(), actor: Actor::Operator }
    }
}

/// Runs `work` to its end, whatever becomes of the caller: a change that is in the store must also reach
/// what is in memory.
pub(crate) fn apart<T: Send + 'static>(
    tasks: &Tasks,
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> impl Future<Output = Result<T, ServiceError>> + Send + 'static {
    let (done, answer) = oneshot::channel();
    let work = Box::pin(work);
    tasks.spawn(async move {
        // Nobody may be waiting any more.
        let _ = done.send(work.await);
    });
    async move { answer.await.unwrap_or(Err(ServiceError::Unavailable { what: "it is closing" })) }
}
