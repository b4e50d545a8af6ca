//! Sessions on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use warbler_domain::{SessionId, Timestamp};

/// A sign-in on a device.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// The device, as it called itself.
    device: String,
    /// The address that it signed in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// When a person last did something, to within some seconds.
    #[schema(value_type = String, format = "date-time")]
    active_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// Someone's sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The sessions, the latest first.
    sessions: Vec<SessionView>,
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ended {
    /// How many.
    pub(crate) ended: usize,
}

impl From<warbler_service::SessionView> for SessionView {
    fn from(view: warbler_service::SessionView) -> Self {
        let warbler_service::SessionView { id, device, address, created_at, active_at, expires_at, current } = view;
        Self { id, device, address, created_at, active_at, expires_at, current }
    }
}

impl From<Vec<warbler_service::SessionView>> for Sessions {
    fn from(views: Vec<warbler_service::SessionView>) -> Self {
        Self { sessions: views.into_iter().map(Into::into).collect() }
    }
}
