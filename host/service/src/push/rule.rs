//! The rules: whether somebody is told of a message, and how soon. Nothing here reads the store.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use warbler_domain::{ConversationKind, Timestamp, Urgency};

use super::person::{Level, Mute};

/// Why somebody was not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// They are connected, and did something a short while ago.
    Active,
    /// They muted the conversation.
    Muted,
    /// They want to hear of this conversation only when they are mentioned, and were not.
    MentionsOnly,
    /// They do not want to be disturbed at this hour.
    QuietHours,
    /// The tenant does not notify of conversations of this kind.
    TenantPolicy,
    /// The tenant does not allow the device's kind of provider.
    KindNotAllowed,
    /// They have read it already.
    Read,
}

/// What is known of one receiver when a message comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) mentioned: bool,
    /// Connected, and active within the tenant's idle time.
    pub(super) active: bool,
    pub(super) mute: Option<&'a Mute>,
    /// Whether their quiet hours last.
    pub(super) quiet: bool,
    pub(super) kind: ConversationKind,
    pub(super) now: Timestamp,
}

/// What a tenant's admins decide about notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushPolicy {
    /// Whether notifications say who wrote what; otherwise they carry an identifier alone.
    pub contents: bool,
    /// After so many seconds without doing anything somebody counts as away although connected; 0 for never.
    pub idle_seconds: u64,
    /// The kinds of provider that may be used; all if absent.
    pub kinds: Option<BTreeSet<String>>,
    /// Whether a mention is told of in quiet hours, too.
    pub mentions_break_quiet: bool,
    /// Of which messages in groups people are told who have not decided for themselves.
    pub groups: Level,
    /// After so many seconds a notification is worth nothing: 60 to 86,400.
    pub expiry_seconds: u64,
    /// Notifications per second, by the name of the plugin that delivers them; its own configuration
    /// counts where it is not named.
    pub quotas: std::collections::BTreeMap<String, Quota>,
}

/// How fast one provider may be given notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// How many in each second: 1 to 1,000,000.
    pub per_second: u32,
    /// How many at once; as many as in a second if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Default for PushPolicy {
    fn default() -> Self {
        Self {
            contents: true,
            // As long as it takes to have turned away from a screen for sure.
            idle_seconds: 120,
            kinds: None,
            mentions_break_quiet: false,
            groups: Level::All,
            expiry_seconds: 24 * 3600,
            quotas: std::collections::BTreeMap::new(),
        }
    }
}

impl PushPolicy {
    /// Whether devices of this kind are allowed.
    pub(super) fn allows(&self, kind: &str) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }
}

/// How soon to tell somebody, or why not at all.
pub(super) fn decide(policy: &PushPolicy, facts: &Facts<'_>) -> Result<Urgency, Rule> {
    if facts.active {
        return Err(Rule::Active);
    }
    let own = facts.mute.filter(|mute| mute.holds(facts.now)).map(|mute| mute.level);
    let level = own.unwrap_or(if facts.kind == ConversationKind::Group { policy.groups } else { Level::All });
    match level {
        Level::None if own.is_some() => return Err(Rule::Muted),
        Level::None => return Err(Rule::TenantPolicy),
        Level::Mentions if !facts.mentioned => {
            return Err(if own.is_some() { Rule::MentionsOnly } else { Rule::TenantPolicy });
        }
        Level::Mentions | Level::All => {}
    }
    if facts.quiet && !(facts.mentioned && policy.mentions_break_quiet) {
        return Err(Rule::QuietHours);
    }
    Ok(if facts.mentioned { Urgency::High } else { Urgency::Normal })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Facts<'static> = Facts {
        mentioned: false,
        active: false,
        mute: None,
        quiet: false,
        kind: ConversationKind::Group,
        now: Timestamp::from_millis(1_000),
    };

    fn mute(level: Level, until: Option<u64>) -> Mute {
        Mute { level, until: until.map(Timestamp::from_millis) }
    }

    #[test]
    fn whoever_is_away_is_told_and_of_a_mention_at_once() {
        let policy = PushPolicy::default();
        assert_eq!(decide(&policy, &PLAIN), Ok(Urgency::Normal));
        assert_eq!(decide(&policy, &Facts { mentioned: true, ..PLAIN }), Ok(Urgency::High));
        assert_eq!(decide(&policy, &Facts { active: true, mentioned: true, ..PLAIN }), Err(Rule::Active));
    }

    #[test]
    fn a_muted_conversation_is_silent_until_its_time_is_over() {
        let policy = PushPolicy::default();
        for until in [None, Some(1_001)] {
            let mute = mute(Level::None, until);
            let facts = Facts { mentioned: true, mute: Some(&mute), ..PLAIN };
            assert_eq!(decide(&policy, &facts), Err(Rule::Muted));
        }
        let over = mute(Level::None, Some(1_000));
        assert_eq!(decide(&policy, &Facts { mute: Some(&over), ..PLAIN }), Ok(Urgency::Normal));
    }

    #[test]
    fn mentions_alone_pass_where_somebody_wants_no_more() {
        let policy = PushPolicy::default();
        let only = mute(Level::Mentions, None);
        assert_eq!(decide(&policy, &Facts { mute: Some(&only), ..PLAIN }), Err(Rule::MentionsOnly));
        let mentioned = Facts { mute: Some(&only), mentioned: true, ..PLAIN };
        assert_eq!(decide(&policy, &mentioned), Ok(Urgency::High));
    }

    #[test]
    fn the_tenants_rule_for_groups_holds_for_groups_and_yields_to_ones_own() {
        let policy = PushPolicy { groups: Level::Mentions, ..PushPolicy::default() };
        assert_eq!(decide(&policy, &PLAIN), Err(Rule::TenantPolicy));
        assert_eq!(decide(&policy, &Facts { kind: ConversationKind::Direct, ..PLAIN }), Ok(Urgency::Normal));
        let all = mute(Level::All, None);
        assert_eq!(decide(&policy, &Facts { mute: Some(&all), ..PLAIN }), Ok(Urgency::Normal));
    }

    #[test]
    fn quiet_hours_hold_even_mentions_back_unless_the_tenant_says_otherwise() {
        let facts = Facts { mentioned: true, quiet: true, ..PLAIN };
        assert_eq!(decide(&PushPolicy::default(), &facts), Err(Rule::QuietHours));
        let policy = PushPolicy { mentions_break_quiet: true, ..PushPolicy::default() };
        assert_eq!(decide(&policy, &facts), Ok(Urgency::High));
        assert_eq!(decide(&policy, &Facts { mentioned: false, ..facts }), Err(Rule::QuietHours));
    }
}
