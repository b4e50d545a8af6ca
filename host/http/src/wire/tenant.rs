//! Tenants and their policies on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::{TenantId, Timestamp};
use warbler_service::{Tenant, TenantPolicy};

/// What a tenant's admins decide about sign-in, sessions and how long messages are kept.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyJson {
    /// After so many seconds in which no person did anything a session ends; 0 for never.
    idle_exit_seconds: u64,
    /// The greatest age of a session, in seconds.
    session_seconds: u64,
    /// The least length of a password, in characters.
    password_length: usize,
    /// Messages are erased after so many days, and no backup brings them back; 0 for never.
    retention_days: u32,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: TenantId,
    /// What its people type at sign-in.
    slug: String,
    /// What it is called.
    name: String,
    /// What its admins decided.
    policy: PolicyJson,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
}

impl Default for PolicyJson {
    fn default() -> Self {
        TenantPolicy::default().into()
    }
}

impl From<TenantPolicy> for PolicyJson {
    fn from(policy: TenantPolicy) -> Self {
        let TenantPolicy { idle_exit_seconds, session_seconds, password_length, retention_days } = policy;
        Self { idle_exit_seconds, session_seconds, password_length, retention_days }
    }
}

impl From<PolicyJson> for TenantPolicy {
    fn from(policy: PolicyJson) -> Self {
        let PolicyJson { idle_exit_seconds, session_seconds, password_length, retention_days } = policy;
        Self { idle_exit_seconds, session_seconds, password_length, retention_days }
    }
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        let Tenant { id, slug, name, policy, created_at } = tenant;
        Self { id, slug, name, policy: policy.into(), created_at }
    }
}
