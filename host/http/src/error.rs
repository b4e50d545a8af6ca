//! What the service's errors become: the one place that knows status codes.

use axum::http::StatusCode;
use warbler_domain::BackupError;
use warbler_service::{ConfigProblem, EndReason, PluginError, ServiceError};

use crate::problem::{Problem, ProblemPlace, ProblemReason};

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let (code, detail) = (error.code(), error.to_string());
        let plain = |status| Self::new(status, code, detail.clone());
        match error {
            ServiceError::Unauthenticated => plain(StatusCode::UNAUTHORIZED),
            ServiceError::SessionEnded { reason } => plain(StatusCode::UNAUTHORIZED).titled(title(reason)),
            ServiceError::Forbidden { .. } => plain(StatusCode::FORBIDDEN),
            ServiceError::NotFound { .. } => plain(StatusCode::NOT_FOUND),
            ServiceError::Invalid { field, limit, .. } => {
                let problem = plain(StatusCode::UNPROCESSABLE_ENTITY).titled("Invalid request").at(field);
                limit.map_or(problem.clone(), |limit| problem.limited(limit))
            }
            ServiceError::Conflict { .. } | ServiceError::KeyReused => plain(StatusCode::CONFLICT),
            ServiceError::RateLimited { retry_after, .. } => {
                plain(StatusCode::TOO_MANY_REQUESTS).retry_after(retry_after)
            }
            ServiceError::MessageRejected { reason, can_edit } => plain(StatusCode::UNPROCESSABLE_ENTITY)
                .titled("Message rejected")
                .because(ProblemReason { code: reason.code, text: reason.text }, can_edit),
            ServiceError::TooLarge { limit, .. } => plain(StatusCode::PAYLOAD_TOO_LARGE).limited(limit),
            ServiceError::Unavailable { .. } => plain(StatusCode::SERVICE_UNAVAILABLE),
            ServiceError::Plugin(error) => refused(error),
            ServiceError::Backup(error) => failed(&error),
            ServiceError::Store(source) => {
                tracing::error!(error = &source as &dyn std::error::Error, "the store failed");
                let detail = if source.is_out_of_room() {
                    "the host's disk is full, and its operator has to make room"
                } else {
                    "the store failed; the host's log has the details"
                };
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            }
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "a request failed");
                Self::internal()
            }
        }
    }
}

/// A plugin that was refused: the request was understood, and its content does not do.
fn refused(error: PluginError) -> Problem {
    let transient = error.is_transient();
    let status = if transient { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::UNPROCESSABLE_ENTITY };
    let problem = Problem::new(status, error.code(), error.to_string()).titled("Plugin refused");
    let step = error.step().as_str();
    let places = match error {
        PluginError::Config { problems } => {
            problems.into_iter().map(|ConfigProblem { pointer, text }| ProblemPlace { pointer, text }).collect()
        }
        _ => Vec::new(),
    };
    problem.at_step(step, places)
}

/// A backup or a restore that failed: what the sink or the repository is like is not the request's fault.
fn failed(error: &BackupError) -> Problem {
    tracing::warn!(error = error as &dyn std::error::Error, "a backup, a restore or a check failed");
    let status = match error {
        BackupError::Sink { .. } | BackupError::Untrue { .. } => StatusCode::BAD_GATEWAY,
        BackupError::NoSink
        | BackupError::NoRepository
        | BackupError::Exists
        | BackupError::Held { .. }
        | BackupError::Foreign { .. }
        | BackupError::Cancelled => StatusCode::CONFLICT,
        BackupError::WrongKey => StatusCode::UNPROCESSABLE_ENTITY,
        BackupError::NotFound { .. } => StatusCode::NOT_FOUND,
        BackupError::Source(_) | BackupError::Changed { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.code(), error.to_string())
}

const fn title(reason: EndReason) -> &'static str {
    match reason {
        EndReason::SignedOut => "Signed out",
        EndReason::Idle => "Session ended for idleness",
        EndReason::Revoked => "Session revoked",
        EndReason::Expired => "Session expired",
    }
}
