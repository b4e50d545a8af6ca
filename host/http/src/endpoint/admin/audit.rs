//! `/v1/admin/audit` and `/v1/operator/audit`: the hash-chained logs, of a tenant and of the host itself.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Right, TenantId, Timestamp, UserId};
use warbler_service::{Actor, AuditArchive, AuditEntry, AuditPage, AuditQuery, AuditReport, ServiceError};

use crate::api::Api;
use crate::auth::{AsOperator, SignedIn};
use crate::json::{Path, Query};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(verify))
        .routes(routes!(archives))
        .routes(routes!(archived))
        .routes(routes!(verify_archive))
        .routes(routes!(list_operator))
        .routes(routes!(verify_operator))
}

/// Which entries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only entries before this number, newest first: the default order, from the end.
    before: Option<u64>,
    /// Only entries after this number, oldest first.
    after: Option<u64>,
    /// At most so many, from 1 to 200; 50 unless given.
    limit: Option<usize>,
    /// Only this action, or all below it: `plugin` stands for `plugin.install` and its like.
    action: Option<String>,
    /// Only what this account did.
    #[param(value_type = Option<String>)]
    actor: Option<UserId>,
    /// Only what concerns the thing with this identifier.
    subject: Option<String>,
}

/// An entry.
#[derive(Serialize, ToSchema)]
struct EntryView {
    /// Its place, from 1, without gaps.
    number: u64,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// Who: `host`, `operator` or `user`.
    actor: &'static str,
    /// Which account, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    user: Option<UserId>,
    /// What, as a stable code.
    action: String,
    /// To what: identifiers by kind.
    subjects: BTreeMap<String, String>,
    /// More about it.
    #[schema(value_type = Object)]
    details: serde_json::Value,
    /// The hash of the entry before it.
    previous: String,
    /// Its own hash.
    hash: String,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
struct Page {
    /// The entries.
    entries: Vec<EntryView>,
    /// Where to go on, as the next `before` or `after`; absent at the end of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// What verifying showed.
#[derive(Serialize, ToSchema)]
struct ReportView {
    /// Whether every entry is as it was written.
    intact: bool,
    /// Entries that are as they were written, from the first on.
    entries: u64,
    /// The hash of the last of them: written down elsewhere, it proves later that nothing before it was changed.
    last_hash: String,
    /// The first entry that is not as it was written; null if all are.
    broken: Option<BrokenView>,
}

/// Where a log is broken.
#[derive(Serialize, ToSchema)]
struct BrokenView {
    /// Which entry.
    number: u64,
    /// What is wrong with it.
    reason: &'static str,
}

/// An audit log that came back from a backup.
#[derive(Serialize, ToSchema)]
struct ArchiveView {
    /// The tenant that it was written for, as it was called on the host of then.
    #[schema(value_type = String, format = "uuid")]
    tenant: TenantId,
    /// Entries that were taken in, from the first on; each was verified.
    entries: u64,
    /// The hash of the last of them.
    last_hash: String,
    /// Why the one after them was not taken in, if it did not follow from them.
    broken: Option<String>,
    /// When the last one was taken in.
    #[schema(value_type = String, format = "date-time")]
    archived_at: Timestamp,
}

impl From<AuditArchive> for ArchiveView {
    fn from(AuditArchive { tenant, entries, last_hash, broken, archived_at }: AuditArchive) -> Self {
        Self { tenant, entries, last_hash, broken, archived_at }
    }
}

/// The audit logs that came back from backups.
#[derive(Serialize, ToSchema)]
struct Archives {
    /// One for each tenant of then.
    archives: Vec<ArchiveView>,
}

/// Which entries of an archived log to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Onwards {
    /// Only entries after this number.
    after: Option<u64>,
    /// At most so many, from 1 to 200; 50 unless given.
    limit: Option<usize>,
}

/// Lists the tenant's audit log.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(Which), responses((status = 200, body = Page)))]
async fn list(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(which): Query<Which>,
) -> Result<Json<Page>, Problem> {
    caller.require(Right::ReadAudit)?;
    Ok(Json(api.service().audit().list(caller.scope(), &which.try_into()?).await.map_err(ServiceError::from)?.into()))
}

/// Computes the tenant's chain of hashes anew.
#[utoipa::path(get, path = "/admin/audit/verify", tag = "admin", responses((status = 200, body = ReportView)))]
async fn verify(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<ReportView>, Problem> {
    caller.require(Right::ReadAudit)?;
    Ok(Json(api.service().audit().verify(caller.scope()).await.map_err(ServiceError::from)?.into()))
}

/// Lists the audit logs that came back from backups: those of the hosts that were lost.
#[utoipa::path(get, path = "/admin/audit/archives", tag = "admin", responses((status = 200, body = Archives)))]
async fn archives(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Archives>, Problem> {
    caller.require(Right::ReadAudit)?;
    let found = api.service().audit().archives(caller.scope()).await.map_err(ServiceError::from)?;
    Ok(Json(Archives { archives: found.into_iter().map(Into::into).collect() }))
}

/// Lists an audit log that came back from a backup, in its order.
#[utoipa::path(get, path = "/admin/audit/archives/{tenant}", tag = "admin",
    params(("tenant" = String, Path), Onwards), responses((status = 200, body = Page)))]
async fn archived(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(tenant): Path<TenantId>,
    Query(Onwards { after, limit }): Query<Onwards>,
) -> Result<Json<Page>, Problem> {
    caller.require(Right::ReadAudit)?;
    let (audit, limit) = (api.service().audit(), limit.unwrap_or(50).clamp(1, 200));
    let entries =
        audit.archived(caller.scope(), tenant, after.unwrap_or(0), limit).await.map_err(ServiceError::from)?;
    let next = (entries.len() == limit).then(|| entries.last().map(|entry| entry.number)).flatten();
    Ok(Json(AuditPage { entries, next }.into()))
}

/// Computes the chain of hashes of such a log anew.
#[utoipa::path(get, path = "/admin/audit/archives/{tenant}/verify", tag = "admin", params(("tenant" = String, Path)),
    responses((status = 200, body = ReportView)))]
async fn verify_archive(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(tenant): Path<TenantId>,
) -> Result<Json<ReportView>, Problem> {
    caller.require(Right::ReadAudit)?;
    let report = api.service().audit().verify_archive(caller.scope(), tenant).await.map_err(ServiceError::from)?;
    Ok(Json(report.ok_or(ServiceError::NotFound { what: "archived audit log" })?.into()))
}

/// Lists the host's own audit log.
#[utoipa::path(get, path = "/operator/audit", tag = "operator", params(Which), responses((status = 200, body = Page)))]
async fn list_operator(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Query(which): Query<Which>,
) -> Result<Json<Page>, Problem> {
    Ok(Json(api.service().audit().list(operator.scope(), &which.try_into()?).await.map_err(ServiceError::from)?.into()))
}

/// Computes the chain of hashes of the host's own log anew.
#[utoipa::path(get, path = "/operator/audit/verify", tag = "operator", responses((status = 200, body = ReportView)))]
async fn verify_operator(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
) -> Result<Json<ReportView>, Problem> {
    Ok(Json(api.service().audit().verify(operator.scope()).await.map_err(ServiceError::from)?.into()))
}

impl TryFrom<Which> for AuditQuery {
    type Error = Problem;

    fn try_from(which: Which) -> Result<Self, Problem> {
        let Which { before, after, limit, action, actor, subject } = which;
        if before.is_some() && after.is_some() {
            return Err(Problem::invalid("after", "`before` and `after` exclude each other"));
        }
        let limit = crate::page::limit(limit, 50, 200)?;
        Ok(Self { before, after, limit, action, actor, subject })
    }
}

impl From<AuditPage> for Page {
    fn from(page: AuditPage) -> Self {
        Self { entries: page.entries.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<AuditEntry> for EntryView {
    fn from(entry: AuditEntry) -> Self {
        let details = entry.details_json();
        let (actor, user) = match entry.actor {
            Actor::Operator => ("operator", None),
            Actor::User { id } => ("user", Some(id)),
            _ => ("host", None),
        };
        let AuditEntry { number, at, action, subjects, previous, hash, .. } = entry;
        Self { number, at, actor, user, action, subjects, details, previous, hash }
    }
}

impl From<AuditReport> for ReportView {
    fn from(report: AuditReport) -> Self {
        let broken = report.broken.map(|broken| BrokenView { number: broken.number, reason: broken.reason });
        Self { intact: broken.is_none(), entries: report.intact, last_hash: report.last_hash, broken }
    }
}
