//! Roles and rights: the one table of who may do what within a tenant.

use serde::{Deserialize, Serialize};

/// What an account is within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Answers for the tenant; the first account of it.
    Owner,
    /// Runs the tenant: members, plugins, rules.
    Admin,
    /// Decides about held messages.
    Moderator,
    /// Reads the audit log and the rules, changes nothing.
    Auditor,
    /// An ordinary person.
    Member,
    /// A person from outside, in the conversations they were asked into.
    Guest,
    /// A program that answers.
    Agent,
}

/// Something that an account may be allowed to do, beyond what everybody may do with what is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Start a direct or support conversation.
    StartConversation,
    /// Start a group.
    StartGroup,
    /// See who is in the tenant.
    SeeMembers,
    /// Add, change and remove members, and end their sessions.
    ManageMembers,
    /// Make owners and admins, and take their role away.
    ManageAdmins,
    /// Install, configure, order and remove plugins, and run self-tests.
    ManagePlugins,
    /// See installed plugins, their policy and their state.
    SeePlugins,
    /// Change word lists.
    ManageLexicons,
    /// See and decide held messages.
    Review,
    /// Read and verify the audit log.
    ReadAudit,
    /// Change the tenant's policy.
    ManagePolicy,
    /// Make agents, and set up the tools and the documents that they use.
    ManageAgents,
    /// Take support conversations over from agents, and approve what agents ask leave for.
    Serve,
    /// Make, check and restore backups, and hand out the key that reads them.
    ManageBackups,
}

impl Role {
    /// Whether this role carries `right`.
    #[must_use]
    pub const fn may(self, right: Right) -> bool {
        use Right as R;
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(right, R::ManageAdmins),
            Self::Moderator => matches!(
                right,
                R::StartConversation
                    | R::StartGroup
                    | R::SeeMembers
                    | R::Review
                    | R::SeePlugins
                    | R::ManageLexicons
                    | R::Serve
            ),
            Self::Auditor => matches!(right, R::StartConversation | R::SeeMembers | R::SeePlugins | R::ReadAudit),
            Self::Member => matches!(right, R::StartConversation | R::StartGroup | R::SeeMembers | R::Serve),
            Self::Guest | Self::Agent => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_owner_makes_admins() {
        assert!(Role::Owner.may(Right::ManageAdmins));
        for role in [Role::Admin, Role::Moderator, Role::Auditor, Role::Member, Role::Guest, Role::Agent] {
            assert!(!role.may(Right::ManageAdmins), "{role:?}");
        }
    }

    #[test]
    fn an_auditor_changes_nothing_and_an_agent_or_guest_has_no_rights() {
        for right in
            [Right::ManagePlugins, Right::ManageMembers, Right::ManagePolicy, Right::Review, Right::ManageLexicons]
        {
            assert!(!Role::Auditor.may(right), "{right:?}");
        }
        for right in [Right::StartGroup, Right::SeeMembers, Right::Review, Right::ReadAudit] {
            assert!(!Role::Guest.may(right) && !Role::Agent.may(right), "{right:?}");
        }
    }
}
