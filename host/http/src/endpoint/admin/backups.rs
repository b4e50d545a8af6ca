//! `/v1/admin/backups`: the policy, runs, versions, checks, trials, restores and the key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use warbler_domain::{BackupVersion, CheckDepth, CheckReport, ConversationId, Timestamp, UserId};
use warbler_service::{
    BackupPolicy, BackupStatus, DrillReport, Escrow, Failure, Keep, RestoreJob, RestoreState, RunState, Schedule,
};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::endpoint::backups::RestoredJson;
use crate::json::{Body, Path};
use crate::problem::Problem;

/// The routes of this family. They answer as fast as the tenant's sink does.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(policy, set_policy))
        .routes(routes!(run, cancel))
        .routes(routes!(check))
        .routes(routes!(drill))
        .routes(routes!(restore))
        .routes(routes!(restore_tenant))
        .routes(routes!(restore_job))
        .routes(routes!(keys, add_key))
        .routes(routes!(remove_key))
        .routes(routes!(adopt))
}

/// When backups are made by themselves.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum ScheduleJson {
    /// Only on demand.
    Never,
    /// Every so many hours.
    Every {
        /// 1 to 744.
        hours: u32,
    },
    /// Once a day.
    Daily {
        /// Hour and minute, `HH:MM`.
        at: String,
        /// In which time zone, by its IANA name.
        zone: String,
    },
}

/// Which versions are kept: one stays if any of these asks for it.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct KeepJson {
    /// The last ones.
    last: u32,
    /// The last one of each of so many hours.
    hourly: u32,
    /// Of each of so many days.
    daily: u32,
    /// Of each of so many weeks.
    weekly: u32,
    /// Of each of so many months.
    monthly: u32,
    /// All that are younger than so many days.
    within_days: u32,
}

/// What a tenant decides about backups.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupPolicyJson {
    /// When.
    schedule: ScheduleJson,
    /// Which versions are kept.
    keep: KeepJson,
    /// Most bytes per second that go to the sink; 0 for no limit.
    #[serde(default)]
    bytes_per_second: u64,
    /// Days between two trials of a restore; 0 for never.
    drill_days: u32,
    /// Hours after which a backup that is due and was not made is reported as late.
    late_hours: u32,
    /// Messages older than so many days do not come back; 0 for no limit.
    #[serde(default)]
    restore_within_days: u32,
}

/// Work that is under way.
#[derive(Serialize, ToSchema)]
struct RunView {
    /// `backup`, `restore`, `check` or `drill`.
    what: &'static str,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    since: Timestamp,
    /// Files looked at so far.
    files: u64,
    /// Bytes read so far.
    read: u64,
    /// Bytes stored so far.
    stored: u64,
}

/// Why something failed.
#[derive(Serialize, ToSchema)]
struct FailureView {
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// A stable code.
    code: String,
    /// For people.
    text: String,
}

/// A version.
#[derive(Serialize, ToSchema)]
struct VersionView {
    /// Its identifier.
    id: String,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// Files in it.
    files: u64,
    /// Their length together.
    bytes: u64,
    /// Bytes that were new in it, as they are stored.
    added: u64,
}

/// How the backups stand.
#[derive(Serialize, ToSchema)]
struct StatusView {
    /// Whether a backup sink runs.
    has_sink: bool,
    /// What is under way.
    running: Option<RunView>,
    /// When the last version was made.
    #[schema(value_type = Option<String>, format = "date-time")]
    made_at: Option<Timestamp>,
    /// Why the last run failed, if it did.
    failure: Option<FailureView>,
    /// When the next run is due.
    #[schema(value_type = Option<String>, format = "date-time")]
    next_at: Option<Timestamp>,
    /// When a restore was last tried.
    #[schema(value_type = Option<String>, format = "date-time")]
    drilled_at: Option<Timestamp>,
    /// What was wrong in the last trial.
    drill_failure: Option<String>,
    /// All versions, the newest first.
    versions: Vec<VersionView>,
}

/// How thoroughly to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckJson {
    /// Read all data, too.
    #[serde(default)]
    read_data: bool,
}

/// What a check found.
#[derive(Serialize, ToSchema)]
struct CheckView {
    /// What is wrong; nothing if all is well.
    problems: Vec<String>,
    /// What is unusual and does no harm.
    remarks: Vec<String>,
}

/// What a trial of a restore found.
#[derive(Serialize, ToSchema)]
struct DrillView {
    /// Which version was read.
    version: String,
    /// Conversations.
    conversations: u64,
    /// Events.
    events: u64,
    /// Files.
    files: u64,
    /// Bytes.
    bytes: u64,
    /// What is wrong; nothing if all is well.
    problems: Vec<String>,
}

/// What to bring back: a conversation, what a member wrote, or both together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdminRestore {
    /// From which version.
    version: String,
    /// Of which conversation; of all that are there unless given.
    #[schema(value_type = Option<String>, format = "uuid")]
    conversation: Option<ConversationId>,
    /// Only what this member wrote.
    #[schema(value_type = Option<String>, format = "uuid")]
    member: Option<UserId>,
    /// The caller's password, once more.
    password: String,
}

/// Bring the whole tenant back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantRestore {
    /// From which version.
    version: String,
    /// The caller's password, once more.
    password: String,
}

/// A restore of the whole tenant.
#[derive(Serialize, ToSchema)]
struct JobView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// From which version.
    version: String,
    /// `running`, `done` or `failed`.
    state: &'static str,
    /// Accounts that came back.
    accounts: u64,
    /// Conversations that are through.
    conversations: u64,
    /// What came back in them.
    restored: RestoredJson,
    /// Why it failed.
    failure: Option<FailureView>,
}

/// A passphrase that shall open the repository.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddKey {
    /// The passphrase, 12 characters at least.
    passphrase: String,
    /// Whether the key stands in the repository, where restic finds it. Otherwise the answer is all there is of it.
    #[serde(default = "yes")]
    in_repository: bool,
    /// The caller's password, once more.
    password: String,
}

const fn yes() -> bool {
    true
}

/// A passphrase that opens the repository in the sink.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adopt {
    /// The passphrase.
    passphrase: String,
    /// The caller's password, once more.
    password: String,
}

/// The caller's password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// The password.
    password: String,
}

/// A key by passphrase.
#[derive(Serialize, ToSchema)]
struct KeyView {
    /// Its identifier.
    id: String,
    /// The key file, as restic has it, in base64.
    file: String,
    /// Whether it stands in the repository.
    in_repository: bool,
}

/// The keys by passphrase that stand in the repository.
#[derive(Serialize, ToSchema)]
struct Keys {
    /// Their identifiers.
    keys: Vec<String>,
}

/// Tells how the backups stand.
#[utoipa::path(get, path = "/admin/backups", tag = "admin", responses((status = 200, body = StatusView)))]
async fn status(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<StatusView>, Problem> {
    let backups = api.service().backups();
    let status = backups.status(&caller).await?;
    let versions = if status.has_sink { backups.all_versions(&caller).await? } else { Vec::new() };
    Ok(Json(StatusView::new(status, versions)))
}

/// Gets the policy.
#[utoipa::path(get, path = "/admin/backups/policy", tag = "admin", responses((status = 200, body = BackupPolicyJson)))]
async fn policy(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<BackupPolicyJson>, Problem> {
    Ok(Json(api.service().backups().policy(&caller).await?.into()))
}

/// Sets the policy.
#[utoipa::path(put, path = "/admin/backups/policy", tag = "admin", request_body = BackupPolicyJson,
    responses((status = 200, body = BackupPolicyJson)))]
async fn set_policy(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(policy): Body<BackupPolicyJson>,
) -> Result<Json<BackupPolicyJson>, Problem> {
    Ok(Json(api.service().backups().set_policy(&caller, policy.into()).await?.into()))
}

/// Begins a run. It goes on by itself.
#[utoipa::path(post, path = "/admin/backups/run", tag = "admin", responses((status = 202)))]
async fn run(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    api.service().backups().begin(&caller)?;
    Ok(StatusCode::ACCEPTED)
}

/// Ends the run that is under way.
#[utoipa::path(delete, path = "/admin/backups/run", tag = "admin", responses((status = 204)))]
async fn cancel(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    api.service().backups().cancel(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks for damage.
#[utoipa::path(post, path = "/admin/backups/check", tag = "admin", request_body = CheckJson,
    responses((status = 200, body = CheckView)))]
async fn check(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(CheckJson { read_data }): Body<CheckJson>,
) -> Result<Json<CheckView>, Problem> {
    let depth = if read_data { CheckDepth::Everything } else { CheckDepth::Structure };
    let CheckReport { problems, remarks } = api.service().backups().check(&caller, depth).await?;
    Ok(Json(CheckView { problems, remarks }))
}

/// Tries a restore of the newest version without changing anything.
#[utoipa::path(post, path = "/admin/backups/drill", tag = "admin", responses((status = 200, body = DrillView)))]
async fn drill(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<DrillView>, Problem> {
    let report = api.service().backups().drill(&caller).await?;
    let DrillReport { version, conversations, events, files, bytes, problems } = report;
    Ok(Json(DrillView { version, conversations, events, files, bytes, problems }))
}

/// Brings back what is missing of a conversation, or what a member wrote.
#[utoipa::path(post, path = "/admin/backups/restore", tag = "admin", request_body = AdminRestore,
    responses((status = 200, body = RestoredJson)))]
async fn restore(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(AdminRestore { version, conversation, member, password }): Body<AdminRestore>,
) -> Result<Json<RestoredJson>, Problem> {
    let backups = api.service().backups();
    let password = Zeroizing::new(password);
    Ok(Json(backups.restore_for(&caller, &password, &version, conversation, member).await?.into()))
}

/// Begins to bring the whole tenant back. It goes on by itself.
#[utoipa::path(post, path = "/admin/backups/restore-tenant", tag = "admin", request_body = TenantRestore,
    responses((status = 202, body = JobView)))]
async fn restore_tenant(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(TenantRestore { version, password }): Body<TenantRestore>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let job = api.service().backups().restore_tenant(&caller, &Zeroizing::new(password), &version).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// Tells how far a restore of the whole tenant is.
#[utoipa::path(get, path = "/admin/backups/restore-tenant/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = JobView)))]
async fn restore_job(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<Uuid>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(api.service().backups().restore_job(&caller, id).await?.into()))
}

/// Lists the keys by passphrase that stand in the repository.
#[utoipa::path(get, path = "/admin/backups/keys", tag = "admin", responses((status = 200, body = Keys)))]
async fn keys(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Keys>, Problem> {
    Ok(Json(Keys { keys: api.service().backups().escrows(&caller).await? }))
}

/// Lets a passphrase open the repository.
#[utoipa::path(post, path = "/admin/backups/keys", tag = "admin", request_body = AddKey,
    responses((status = 201, body = KeyView)))]
async fn add_key(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(AddKey { passphrase, in_repository, password }): Body<AddKey>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let (password, passphrase) = (Zeroizing::new(password), Zeroizing::new(passphrase));
    let escrow = api.service().backups().add_escrow(&caller, &password, passphrase, in_repository).await?;
    let Escrow { id, file, in_repository } = escrow;
    Ok((StatusCode::CREATED, Json(KeyView { id, file, in_repository })))
}

/// Takes a key by passphrase out of the repository.
#[utoipa::path(post, path = "/admin/backups/keys/{id}/remove", tag = "admin", params(("id" = String, Path)),
    request_body = Confirm, responses((status = 204)))]
async fn remove_key(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    Body(Confirm { password }): Body<Confirm>,
) -> Result<StatusCode, Problem> {
    api.service().backups().remove_escrow(&caller, &Zeroizing::new(password), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes over the repository that is in the sink.
#[utoipa::path(post, path = "/admin/backups/adopt", tag = "admin", request_body = Adopt, responses((status = 204)))]
async fn adopt(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Adopt { passphrase, password }): Body<Adopt>,
) -> Result<StatusCode, Problem> {
    let (password, passphrase) = (Zeroizing::new(password), Zeroizing::new(passphrase));
    api.service().backups().adopt(&caller, &password, passphrase).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl StatusView {
    fn new(status: BackupStatus, versions: Vec<BackupVersion>) -> Self {
        let BackupStatus { has_sink, running, made_at, failure, next_at, drilled_at, drill_failure } = status;
        let run = |RunState { what, since, files, read, stored }| RunView { what, since, files, read, stored };
        let versions = versions.into_iter().map(|version| {
            let BackupVersion { id, at, files, bytes, added } = version;
            VersionView { id, at, files, bytes, added }
        });
        Self {
            has_sink,
            running: running.map(run),
            made_at,
            failure: failure.map(Into::into),
            next_at,
            drilled_at,
            drill_failure,
            versions: versions.collect(),
        }
    }
}

impl From<Failure> for FailureView {
    fn from(Failure { at, code, text }: Failure) -> Self {
        Self { at, code, text }
    }
}

impl From<RestoreJob> for JobView {
    fn from(job: RestoreJob) -> Self {
        let state = match job.state {
            RestoreState::Running => "running",
            RestoreState::Done => "done",
            RestoreState::Failed => "failed",
        };
        let RestoreJob { id, version, accounts, conversations, restored, failure, .. } = job;
        let (restored, failure) = (restored.into(), failure.map(Into::into));
        Self { id, version, state, accounts, conversations, restored, failure }
    }
}

impl From<BackupPolicy> for BackupPolicyJson {
    fn from(policy: BackupPolicy) -> Self {
        let schedule = match policy.schedule {
            Schedule::Never => ScheduleJson::Never,
            Schedule::Every { hours } => ScheduleJson::Every { hours },
            Schedule::Daily { at, zone } => ScheduleJson::Daily { at, zone },
        };
        let Keep { last, hourly, daily, weekly, monthly, within_days } = policy.keep;
        Self {
            schedule,
            keep: KeepJson { last, hourly, daily, weekly, monthly, within_days },
            bytes_per_second: policy.bytes_per_second,
            drill_days: policy.drill_days,
            late_hours: policy.late_hours,
            restore_within_days: policy.restore_within_days,
        }
    }
}

impl From<BackupPolicyJson> for BackupPolicy {
    fn from(policy: BackupPolicyJson) -> Self {
        let schedule = match policy.schedule {
            ScheduleJson::Never => Schedule::Never,
            ScheduleJson::Every { hours } => Schedule::Every { hours },
            ScheduleJson::Daily { at, zone } => Schedule::Daily { at, zone },
        };
        let KeepJson { last, hourly, daily, weekly, monthly, within_days } = policy.keep;
        Self {
            schedule,
            keep: Keep { last, hourly, daily, weekly, monthly, within_days },
            bytes_per_second: policy.bytes_per_second,
            drill_days: policy.drill_days,
            late_hours: policy.late_hours,
            restore_within_days: policy.restore_within_days,
        }
    }
}
