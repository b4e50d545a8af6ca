//! `/v1/admin/backups`: the policy, runs, versions, checks, trials, restores and keys.

mod keys;
mod policy;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use warbler_domain::{CheckDepth, CheckReport};
use warbler_service::ServiceError;
use zeroize::Zeroizing;

use self::keys::{AddKey, Adopt, Confirm, KeyView, Keys, RotateKey, RotationView};
use self::policy::BackupPolicyJson;
use self::view::{AdminRestore, CheckJson, DamageView, DrillView, JobView, StatusView, TenantRestore, Trust};
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
        .routes(routes!(heal))
        .routes(routes!(trust))
        .routes(routes!(check))
        .routes(routes!(drill))
        .routes(routes!(restore))
        .routes(routes!(restore_tenant))
        .routes(routes!(restore_job))
        .routes(routes!(keys, add_key))
        .routes(routes!(remove_key))
        .routes(routes!(rotate_key, give_up_rotation))
        .routes(routes!(adopt))
}

/// Tells how the backups stand.
#[utoipa::path(get, path = "/admin/backups", tag = "admin", responses((status = 200, body = StatusView)))]
async fn status(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<StatusView>, Problem> {
    let backups = api.service().backups();
    let status = backups.status(&caller).await?;
    let listed = if status.has_sink { backups.all_versions(&caller).await } else { Ok(Vec::new()) };
    let versions = match listed {
        Ok(versions) => Ok(versions),
        Err(ServiceError::Backup(error)) => Err(error),
        Err(error) => return Err(error.into()),
    };
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

/// Begins to heal mirrored sinks that are behind. It goes on by itself.
#[utoipa::path(post, path = "/admin/backups/heal", tag = "admin", responses((status = 202)))]
async fn heal(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    api.service().backups().heal(&caller).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Trusts a sink as it is, although it missed something. What it lacks is given up, and the others become like it.
#[utoipa::path(post, path = "/admin/backups/trust", tag = "admin", request_body = Trust, responses((status = 204)))]
async fn trust(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Trust { installation, password }): Body<Trust>,
) -> Result<StatusCode, Problem> {
    api.service().backups().trust(&caller, &Zeroizing::new(password), installation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks for damage.
#[utoipa::path(post, path = "/admin/backups/check", tag = "admin", request_body = CheckJson,
    responses((status = 200, body = DamageView)))]
async fn check(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(CheckJson { read_data }): Body<CheckJson>,
) -> Result<Json<DamageView>, Problem> {
    let depth = if read_data { CheckDepth::Everything } else { CheckDepth::Structure };
    let CheckReport { problems, remarks } = api.service().backups().check(&caller, depth).await?;
    Ok(Json(DamageView { problems, remarks }))
}

/// Tries a restore of the newest version in a store that is thrown away.
#[utoipa::path(post, path = "/admin/backups/drill", tag = "admin", responses((status = 200, body = DrillView)))]
async fn drill(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<DrillView>, Problem> {
    Ok(Json(api.service().backups().drill(&caller).await?.into()))
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
    Ok((StatusCode::CREATED, Json(escrow.into())))
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

/// Begins to change the repository's own key, or goes on with it: all versions are copied, sealed anew, into an empty
/// sink, which keeps the backups from then on. It goes on by itself; `DELETE /v1/admin/backups/run` ends it for now.
#[utoipa::path(post, path = "/admin/backups/keys/rotate", tag = "admin", request_body = RotateKey,
    responses((status = 202, body = RotationView)))]
async fn rotate_key(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(RotateKey { sink, password }): Body<RotateKey>,
) -> Result<(StatusCode, Json<RotationView>), Problem> {
    let rotation = api.service().backups().rotate_key(&caller, &Zeroizing::new(password), sink).await?;
    Ok((StatusCode::ACCEPTED, Json(rotation.into())))
}

/// Gives up a change of the repository's own key that is not through and not under way.
#[utoipa::path(delete, path = "/admin/backups/keys/rotate", tag = "admin", responses((status = 204)))]
async fn give_up_rotation(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    api.service().backups().give_up_rotation(&caller).await?;
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
