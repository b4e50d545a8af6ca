//! Accounts on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::{Role, Timestamp, UserId};
use warbler_service::{NewMember, Profile};
use zeroize::Zeroizing;

/// What an account is within its tenant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RoleJson {
    /// Answers for the tenant.
    Owner,
    /// Runs the tenant.
    Admin,
    /// Decides about held messages.
    Moderator,
    /// Reads the audit log and the rules, changes nothing.
    Auditor,
    /// An ordinary person.
    Member,
    /// A person from outside.
    Guest,
    /// A program that answers.
    Agent,
}

/// What people of one tenant see of each other.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileView {
    /// The account's identifier.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// What its owner types at sign-in.
    login: String,
    /// What others see.
    name: String,
    /// What it is.
    role: RoleJson,
    /// Its language as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Whether it is shut.
    disabled: bool,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
}

/// An account to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberInput {
    /// What they type at sign-in: 1 to 64 characters without spaces.
    login: String,
    /// What others see.
    name: String,
    /// What they are; `member` if absent.
    role: Option<RoleJson>,
    /// Their language as a BCP 47 tag, such as `en` or `zh-Hans`.
    locale: Option<String>,
    /// Their first password.
    password: String,
}

impl MemberInput {
    /// The account, in this role unless the request names one.
    pub(crate) fn or_role(self, role: Role) -> NewMember {
        NewMember {
            login: self.login,
            name: self.name,
            role: self.role.map_or(role, Into::into),
            locale: self.locale,
            password: Zeroizing::new(self.password),
        }
    }
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        let Profile { id, login, name, role, locale, disabled, created_at } = profile;
        Self { id, login, name, role: role.into(), locale, disabled, created_at }
    }
}

impl From<RoleJson> for Role {
    fn from(role: RoleJson) -> Self {
        match role {
            RoleJson::Owner => Self::Owner,
            RoleJson::Admin => Self::Admin,
            RoleJson::Moderator => Self::Moderator,
            RoleJson::Auditor => Self::Auditor,
            RoleJson::Member => Self::Member,
            RoleJson::Guest => Self::Guest,
            RoleJson::Agent => Self::Agent,
        }
    }
}

impl From<Role> for RoleJson {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Moderator => Self::Moderator,
            Role::Auditor => Self::Auditor,
            Role::Member => Self::Member,
            Role::Guest => Self::Guest,
            Role::Agent => Self::Agent,
        }
    }
}
