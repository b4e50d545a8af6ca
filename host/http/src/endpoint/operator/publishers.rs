//! `/v1/operator/publishers`: whose plugins the operator trusts, and what is revoked.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{TenantId, Timestamp};
use warbler_package::{Digest, Expiry, KeyId, NamePattern, PublicKey, Publisher, Requirement};
use warbler_service::{Enforced, TrustView};

use crate::api::Api;
use crate::auth::AsOperator;
use crate::json::{Body, Path};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, trust))
        .routes(routes!(distrust))
        .routes(routes!(revoke))
        .routes(routes!(require))
        .routes(routes!(develop))
}

/// Someone whose signature is trusted.
#[derive(Serialize, ToSchema)]
struct PublisherView {
    /// The name that people know them by.
    name: String,
    /// The key's identifier: 16 hexadecimal digits.
    #[schema(value_type = String)]
    key_id: KeyId,
    /// The key, as minisign writes it.
    #[schema(value_type = String)]
    key: PublicKey,
    /// When the key ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires: Option<Expiry>,
    /// The plugins that they may sign; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    plugins: Option<Vec<NamePattern>>,
}

/// What is trusted and revoked.
#[derive(Serialize, ToSchema)]
struct TrustState {
    /// The trusted publishers.
    publishers: Vec<PublisherView>,
    /// Keys of which all must have signed a package; one trusted signature is enough if empty.
    #[schema(value_type = Vec<String>)]
    all_of: Vec<KeyId>,
    /// Revoked keys with the reason.
    #[schema(value_type = BTreeMap<String, String>)]
    revoked_keys: BTreeMap<KeyId, String>,
    /// Revoked packages by SHA-256, with the reason.
    #[schema(value_type = BTreeMap<String, String>)]
    revoked_digests: BTreeMap<Digest, String>,
    /// Tenants in development mode, each with the local key that it accepts.
    development: Vec<DevelopmentView>,
}

/// A tenant in development mode.
#[derive(Serialize, ToSchema)]
struct DevelopmentView {
    /// Which tenant.
    #[schema(value_type = String, format = "uuid")]
    tenant: TenantId,
    /// What people call the key.
    name: String,
    /// The key's identifier.
    #[schema(value_type = String)]
    key_id: KeyId,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    since: Timestamp,
}

/// A publisher to trust.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrustRequest {
    /// The name that people know them by.
    name: String,
    /// The key: a minisign public key, with or without its comment line.
    key: String,
    /// When the key ends, RFC 3339; never if absent.
    #[schema(value_type = Option<String>)]
    expires: Option<Expiry>,
    /// The plugins that they may sign; any if absent.
    #[schema(value_type = Option<Vec<String>>)]
    plugins: Option<Vec<NamePattern>>,
}

/// What to revoke: a key or a package.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {
    /// The key's identifier.
    #[schema(value_type = Option<String>)]
    key_id: Option<KeyId>,
    /// The package's SHA-256, in hex.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// Why.
    #[serde(default = "unexplained")]
    reason: String,
}

fn unexplained() -> String {
    "revoked by the operator".into()
}

/// Whose signatures every package needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RequireRequest {
    /// All of these keys; one trusted signature is enough if empty.
    #[schema(value_type = Vec<String>)]
    all_of: Vec<KeyId>,
}

/// A tenant's local key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DevelopRequest {
    /// What people call the key; both absent end the development mode.
    name: Option<String>,
    /// The key: a minisign public key.
    key: Option<String>,
}

/// What a change of trust did to running plugins.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnforcedView {
    /// Installations that were unloaded, as `TENANT/INSTALLATION`.
    unloaded: Vec<String>,
}

impl From<Enforced> for EnforcedView {
    fn from(enforced: Enforced) -> Self {
        Self { unloaded: enforced.unloaded }
    }
}

/// Lists what is trusted and revoked.
#[utoipa::path(get, path = "/operator/publishers", tag = "operator", responses((status = 200, body = TrustState)))]
async fn list(State(api): State<Api>, AsOperator(operator): AsOperator) -> Result<Json<TrustState>, Problem> {
    let TrustView { publishers, require, revoked, development } = api.service().publishers().list(&operator)?;
    let publishers = publishers.into_iter().map(|publisher| PublisherView {
        name: publisher.name,
        key_id: publisher.key.id(),
        key: publisher.key,
        expires: publisher.expires,
        plugins: publisher.plugins.map(|plugins| plugins.into_iter().collect()),
    });
    let development = development.into_iter().map(|(tenant, key)| DevelopmentView {
        tenant,
        name: key.name,
        key_id: key.key.id(),
        since: key.since,
    });
    Ok(Json(TrustState {
        publishers: publishers.collect(),
        all_of: match require {
            Requirement::AnyOf => Vec::new(),
            Requirement::AllOf(keys) => keys.into_iter().collect(),
        },
        revoked_keys: revoked.keys,
        revoked_digests: revoked.digests,
        development: development.collect(),
    }))
}

/// Trusts a publisher, or changes what is known of the one with the same key.
#[utoipa::path(post, path = "/operator/publishers", tag = "operator", request_body = TrustRequest,
    responses((status = 201, body = EnforcedView)))]
async fn trust(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(request): Body<TrustRequest>,
) -> Result<(StatusCode, Json<EnforcedView>), Problem> {
    let publisher = Publisher {
        expires: request.expires,
        plugins: request.plugins.map(|plugins| plugins.into_iter().collect()),
        ..Publisher::new(request.name, key(&request.key)?)
    };
    let enforced = api.service().publishers().add(&operator, publisher).await?;
    Ok((StatusCode::CREATED, Json(enforced.into())))
}

/// Trusts a publisher no longer; its running plugins are unloaded.
#[utoipa::path(delete, path = "/operator/publishers/{key_id}", tag = "operator", params(("key_id" = String, Path)),
    responses((status = 200, body = EnforcedView)))]
async fn distrust(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(key_id): Path<KeyId>,
) -> Result<Json<EnforcedView>, Problem> {
    Ok(Json(api.service().publishers().remove(&operator, key_id).await?.into()))
}

/// Revokes a key or a package for good.
#[utoipa::path(post, path = "/operator/publishers/revoke", tag = "operator", request_body = RevokeRequest,
    responses((status = 200, body = EnforcedView)))]
async fn revoke(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(RevokeRequest { key_id, digest, reason }): Body<RevokeRequest>,
) -> Result<Json<EnforcedView>, Problem> {
    let publishers = api.service().publishers();
    let enforced = match (key_id, digest) {
        (Some(key), None) => publishers.revoke_key(&operator, key, reason).await?,
        (None, Some(digest)) => publishers.revoke_digest(&operator, digest, reason).await?,
        _ => return Err(Problem::invalid("key_id", "either `key_id` or `digest` is needed, not both")),
    };
    Ok(Json(enforced.into()))
}

/// Sets whose signatures every package needs.
#[utoipa::path(put, path = "/operator/publishers/requirement", tag = "operator", request_body = RequireRequest,
    responses((status = 200, body = EnforcedView)))]
async fn require(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(RequireRequest { all_of }): Body<RequireRequest>,
) -> Result<Json<EnforcedView>, Problem> {
    let requirement =
        if all_of.is_empty() { Requirement::AnyOf } else { Requirement::AllOf(all_of.into_iter().collect()) };
    Ok(Json(api.service().publishers().require(&operator, requirement).await?.into()))
}

/// Puts a tenant into development mode, in which it accepts packages signed with a local key, or out of it.
#[utoipa::path(put, path = "/operator/tenants/{id}/development-key", tag = "operator", params(("id" = String, Path)),
    request_body = DevelopRequest, responses((status = 200, body = EnforcedView)))]
async fn develop(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(tenant): Path<TenantId>,
    Body(DevelopRequest { name, key: text }): Body<DevelopRequest>,
) -> Result<Json<EnforcedView>, Problem> {
    let local = match (name, text) {
        (Some(name), Some(text)) => Some((name, key(&text)?)),
        (None, None) => None,
        _ => return Err(Problem::invalid("key", "`name` and `key` go together")),
    };
    Ok(Json(api.service().publishers().set_development_key(&operator, tenant, local).await?.into()))
}

/// Reads a minisign public key; its file has a comment line before it.
fn key(text: &str) -> Result<PublicKey, Problem> {
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    line.parse().map_err(|error| Problem::invalid("key", format!("not a minisign public key: {error}")))
}
