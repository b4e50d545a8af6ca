//! Identifiers: `UUIDv7`, one type per thing, and the port that makes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier with these bits.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bits.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// The sixteen bytes, big-endian, so that byte order is time order.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    )+};
}

identifiers! {
    /// One enterprise.
    TenantId,
    /// An account within one tenant: a person or an agent.
    UserId,
    /// One sign-in on one device.
    SessionId,
    /// A conversation within one tenant.
    ConversationId,
    /// A message within one conversation.
    MessageId,
    /// A plugin as one tenant has installed it.
    InstallationId,
    /// A file that the host keeps for one tenant.
    AttachmentId,
    /// A device's address at a push provider, bound to one session.
    EndpointId,
}

impl TenantId {
    /// The owner of what belongs to the host itself: the tenant list, trusted publishers.
    pub const OPERATOR: Self = Self(Uuid::nil());
}

/// Makes identifiers. A port, so that tests can make them predictable.
pub trait Ids: Send + Sync {
    /// A new `UUIDv7`.
    fn next(&self) -> Uuid;
}

/// Identifiers from the system's clock and random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
