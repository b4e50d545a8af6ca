//! What the service's errors become: the one place that knows status codes.

use axum::http::StatusCode;
use warbler_service::{EndReason, ServiceError};

use crate::problem::{Problem, ProblemReason};

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
            ServiceError::Store(source) => {
                tracing::error!(error = &source as &dyn std::error::Error, "the store failed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "the store failed; the host's log has the details")
            }
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "a request failed");
                Self::internal()
            }
        }
    }
}

const fn title(reason: EndReason) -> &'static str {
    match reason {
        EndReason::SignedOut => "Signed out",
        EndReason::Idle => "Session ended for idleness",
        EndReason::Revoked => "Session revoked",
        EndReason::Expired => "Session expired",
    }
}
