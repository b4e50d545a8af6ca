//! `/v1/admin/plugins`: installing plugins and what becomes of them. What they look like is `view`'s work.

mod view;

use std::collections::BTreeMap;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{InstallationId, Instances, LogLevel, Timestamp};
use warbler_package::Granted;
use warbler_service::{Adjustment, CallLimits, FailPolicy, InstallRequest, LogLine};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, BodyLimit, Object, Path, Query};
use crate::problem::Problem;
use view::{InstalledView, PluginView, PluginsView, SelfTestView};

/// Greatest package as it travels: base64 makes four bytes of three, so that a package of 48 MiB fits.
const PACKAGE_LIMIT: usize = 64 * 1024 * 1024;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    let install = OpenApiRouter::new().routes(routes!(list, install)).layer(Extension(BodyLimit(PACKAGE_LIMIT)));
    OpenApiRouter::new()
        .routes(routes!(get, adjust, remove))
        .routes(routes!(configure))
        .routes(routes!(grant))
        .routes(routes!(activate))
        .routes(routes!(rollback))
        .routes(routes!(deactivate))
        .routes(routes!(self_test))
        .routes(routes!(logs))
        .routes(routes!(set_secret, delete_secret))
        .merge(install)
}

/// A package with what it needs to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Install {
    /// The component, base64 (RFC 4648, section 4).
    package: String,
    /// The texts of the `.minisig` files beside it.
    #[serde(default)]
    signatures: Vec<String>,
    /// Its configuration; that of the version in use, or an empty object, if absent.
    #[schema(value_type = Option<Object>)]
    config: Option<serde_json::Value>,
    /// What to grant; what the version in use was granted if absent. A version that asks for more waits for
    /// approval.
    #[schema(value_type = Option<Object>)]
    grants: Option<Granted>,
    /// What happens to a message when it fails; as before, or `closed`, if absent.
    fail_policy: Option<PolicyJson>,
    /// Its place among the filters; as before, or behind all others, if absent.
    order: Option<i32>,
    /// Secrets to store before its first start, by name.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Tells it from other installations of the same plugin: 1 to 32 lower-case letters, digits and hyphens. For filters
    /// and backup sinks alone; without one it is the plugin's first installation.
    label: Option<String>,
    /// Whether an older version may take the place of a newer one.
    #[serde(default)]
    allow_downgrade: bool,
    /// Whether to leave it inactive after its checks.
    #[serde(default)]
    inactive: bool,
}

/// What happens to a message when a filter fails.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum PolicyJson {
    /// It is held until a moderator decides.
    Closed,
    /// It passes, flagged.
    Open,
    /// The host's built-in word lists alone decide.
    Lexicon,
}

/// How instances are used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum InstancesJson {
    /// Kept warm between calls, one call at a time each.
    Warm,
    /// A fresh one for every call.
    Fresh,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsJson {
    /// Milliseconds from the moment of the call of the plugin's first hook, waiting in line included: at most
    /// 5,000 for content filters, 60,000 for push providers, 300,000 for agents and backup sinks.
    deadline_ms: u32,
    /// Memory of one instance, in bytes.
    memory_bytes: u64,
    /// Calls that may run or wait at a time.
    concurrency: u32,
}

/// What to change of how an installation is run; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adjust {
    /// Its place among the filters.
    order: Option<i32>,
    /// What happens to a message when it fails.
    fail_policy: Option<PolicyJson>,
    /// How instances are used.
    instances: Option<InstancesJson>,
    /// Limits of one call.
    #[schema(value_type = Option<LimitsJson>)]
    limits: Option<Object<LimitsJson>>,
}

/// A configuration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Configure {
    /// A JSON object by the schema of the plugin's manifest.
    #[schema(value_type = Object)]
    config: serde_json::Value,
}

/// What an installation may reach.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Permissions in the form in which the manifest asks for them.
    #[schema(value_type = Object)]
    grants: Granted,
}

/// Which version to activate.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Activate {
    /// The version that waits for approval, as a check that it is the one that was seen; otherwise the one that
    /// is there.
    version: Option<String>,
}

/// Nothing: the action is in the address.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Empty {}

/// A secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Secret {
    /// Its value, which is never shown again.
    value: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Lines {
    /// Only lines at least so loud; all unless given.
    #[param(inline)]
    level: Option<LevelJson>,
    /// At most so many, from 1 to 500; 100 unless given.
    limit: Option<usize>,
}

/// How loud a line is.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum LevelJson {
    /// For its author.
    Debug,
    /// For whoever looks.
    Info,
    /// Something is off.
    Warn,
    /// Something is wrong.
    Error,
}

/// The last lines of a plugin.
#[derive(Serialize, ToSchema)]
struct Logs {
    /// The lines, the oldest first.
    lines: Vec<LineView>,
}

/// A line that a plugin wrote, or that the host wrote about it.
#[derive(Serialize, ToSchema)]
struct LineView {
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// How loud it is.
    level: LevelJson,
    /// The line.
    text: String,
}

/// Lists the installed plugins in the order in which filters run.
#[utoipa::path(get, path = "/admin/plugins", tag = "admin", responses((status = 200, body = PluginsView)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<PluginsView>, Problem> {
    Ok(Json(api.service().plugins().list(&caller).await?.into()))
}

/// Installs a package, or the next version of one that is there. Nothing that fails on the way touches live traffic.
#[utoipa::path(post, path = "/admin/plugins", tag = "admin", request_body = Install,
    responses((status = 201, body = InstalledView)))]
async fn install(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(install): Body<Install>,
) -> Result<(StatusCode, Json<InstalledView>), Problem> {
    let installed = api.service().plugins().install(&caller, install.try_into()?).await?;
    Ok((StatusCode::CREATED, Json(installed.into())))
}

/// Gets one installation.
#[utoipa::path(get, path = "/admin/plugins/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = PluginView)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
) -> Result<Json<PluginView>, Problem> {
    Ok(Json(api.service().plugins().get(&caller, id).await?.into()))
}

/// Changes an installation's order, failure policy, instances or limits.
#[utoipa::path(patch, path = "/admin/plugins/{id}", tag = "admin", params(("id" = String, Path)), request_body = Adjust,
    responses((status = 200, body = InstalledView)))]
async fn adjust(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(adjust): Body<Adjust>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().adjust(&caller, id, adjust.into()).await?.into()))
}

/// Removes an installation with all that it kept.
#[utoipa::path(delete, path = "/admin/plugins/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
) -> Result<StatusCode, Problem> {
    api.service().plugins().remove(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an installation another configuration, which is checked before it takes the place of the old one.
#[utoipa::path(put, path = "/admin/plugins/{id}/config", tag = "admin", params(("id" = String, Path)),
    request_body = Configure, responses((status = 200, body = InstalledView)))]
async fn configure(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Configure { config }): Body<Configure>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().configure(&caller, id, config).await?.into()))
}

/// Grants an installation what it may reach.
#[utoipa::path(put, path = "/admin/plugins/{id}/grants", tag = "admin", params(("id" = String, Path)),
    request_body = Grant, responses((status = 200, body = InstalledView)))]
async fn grant(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Grant { grants }): Body<Grant>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().grant(&caller, id, grants).await?.into()))
}

/// Activates an installation, or the version of it that waits.
#[utoipa::path(post, path = "/admin/plugins/{id}/activate", tag = "admin", params(("id" = String, Path)),
    request_body = Activate, responses((status = 200, body = InstalledView)))]
async fn activate(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Activate { version }): Body<Activate>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().activate(&caller, id, version).await?.into()))
}

/// Goes back to the version before.
#[utoipa::path(post, path = "/admin/plugins/{id}/rollback", tag = "admin", params(("id" = String, Path)),
    request_body = Empty, responses((status = 200, body = InstalledView)))]
async fn rollback(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().rollback(&caller, id).await?.into()))
}

/// Switches an installation off.
#[utoipa::path(post, path = "/admin/plugins/{id}/deactivate", tag = "admin", params(("id" = String, Path)),
    request_body = Empty, responses((status = 200, body = InstalledView)))]
async fn deactivate(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<InstalledView>, Problem> {
    Ok(Json(api.service().plugins().deactivate(&caller, id).await?.into()))
}

/// Breaks the plugin on purpose and shows whether its failure policy holds.
#[utoipa::path(post, path = "/admin/plugins/{id}/self-test", tag = "admin", params(("id" = String, Path)),
    request_body = Empty, responses((status = 200, body = SelfTestView)))]
async fn self_test(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<SelfTestView>, Problem> {
    Ok(Json(api.service().plugins().self_test(&caller, id).await?.into()))
}

/// Shows the last lines of a plugin's log. They may quote messages.
#[utoipa::path(get, path = "/admin/plugins/{id}/logs", tag = "admin", params(("id" = String, Path), Lines),
    responses((status = 200, body = Logs)))]
async fn logs(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<InstallationId>,
    Query(Lines { level, limit }): Query<Lines>,
) -> Result<Json<Logs>, Problem> {
    let level = level.map_or(LogLevel::Debug, Into::into);
    let lines = api.service().plugins().log(&caller, id, level, crate::page::limit(limit, 100, 500)?)?;
    Ok(Json(Logs { lines: lines.into_iter().map(Into::into).collect() }))
}

/// Stores a secret for an installation.
#[utoipa::path(put, path = "/admin/plugins/{id}/secrets/{name}", tag = "admin",
    params(("id" = String, Path), ("name" = String, Path)), request_body = Secret,
    responses((status = 200, body = PluginView)))]
async fn set_secret(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, name)): Path<(InstallationId, String)>,
    Body(Secret { value }): Body<Secret>,
) -> Result<Json<PluginView>, Problem> {
    Ok(Json(api.service().plugins().set_secret(&caller, id, name, Zeroizing::new(value)).await?.into()))
}

/// Forgets a secret of an installation.
#[utoipa::path(delete, path = "/admin/plugins/{id}/secrets/{name}", tag = "admin",
    params(("id" = String, Path), ("name" = String, Path)), responses((status = 200, body = PluginView)))]
async fn delete_secret(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, name)): Path<(InstallationId, String)>,
) -> Result<Json<PluginView>, Problem> {
    Ok(Json(api.service().plugins().delete_secret(&caller, id, name).await?.into()))
}

impl TryFrom<Install> for InstallRequest {
    type Error = Problem;

    fn try_from(install: Install) -> Result<Self, Problem> {
        let package = STANDARD
            .decode(install.package)
            .map_err(|error| Problem::invalid("package", format!("the package is not base64: {error}")))?;
        let secrets = install.secrets.into_iter().map(|(name, value)| (name, Zeroizing::new(value)));
        Ok(Self {
            package: package.into(),
            signatures: install.signatures,
            config: install.config,
            grants: install.grants,
            fail_policy: install.fail_policy.map(Into::into),
            order: install.order,
            secrets: secrets.collect(),
            label: install.label,
            allow_downgrade: install.allow_downgrade,
            inactive: install.inactive,
        })
    }
}

impl From<Adjust> for Adjustment {
    fn from(Adjust { order, fail_policy, instances, limits }: Adjust) -> Self {
        let limits = limits.map(|Object(LimitsJson { deadline_ms, memory_bytes, concurrency })| CallLimits {
            deadline_ms,
            memory_bytes,
            concurrency,
        });
        Self { order, fail_policy: fail_policy.map(Into::into), instances: instances.map(Into::into), limits }
    }
}

impl From<PolicyJson> for FailPolicy {
    fn from(policy: PolicyJson) -> Self {
        match policy {
            PolicyJson::Closed => Self::Closed,
            PolicyJson::Open => Self::Open,
            PolicyJson::Lexicon => Self::Lexicon,
        }
    }
}

impl From<FailPolicy> for PolicyJson {
    fn from(policy: FailPolicy) -> Self {
        match policy {
            FailPolicy::Closed => Self::Closed,
            FailPolicy::Open => Self::Open,
            FailPolicy::Lexicon => Self::Lexicon,
        }
    }
}

impl From<InstancesJson> for Instances {
    fn from(instances: InstancesJson) -> Self {
        match instances {
            InstancesJson::Warm => Self::Warm,
            InstancesJson::Fresh => Self::Fresh,
        }
    }
}

impl From<LevelJson> for LogLevel {
    fn from(level: LevelJson) -> Self {
        match level {
            LevelJson::Debug => Self::Debug,
            LevelJson::Info => Self::Info,
            LevelJson::Warn => Self::Warn,
            LevelJson::Error => Self::Error,
        }
    }
}

impl From<LogLine> for LineView {
    fn from(line: LogLine) -> Self {
        let level = match line.level {
            LogLevel::Debug => LevelJson::Debug,
            LogLevel::Info => LevelJson::Info,
            LogLevel::Warn => LevelJson::Warn,
            LogLevel::Error => LevelJson::Error,
        };
        Self { at: line.at, level, text: line.text }
    }
}
