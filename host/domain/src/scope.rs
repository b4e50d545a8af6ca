//! The scope of one tenant. Every port takes it, so data of another tenant cannot be named by mistake.

use crate::TenantId;

/// Leave to reach one tenant's data.
///
/// Neither `Clone` from nothing nor `Default`: it comes from authentication, or from work that the
/// host does for a tenant by itself. A test holds the list of files that may make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantScope(TenantId);

impl TenantScope {
    /// The scope of a caller who has just been authenticated as belonging to `tenant`.
    #[must_use]
    pub const fn authenticated(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope for the host's own work for `tenant`: loading plugins at start, running consumers.
    #[must_use]
    pub const fn own_work(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The scope of what belongs to the host itself.
    #[must_use]
    pub const fn operator() -> Self {
        Self(TenantId::OPERATOR)
    }

    /// Whose data this reaches.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.0
    }
}
