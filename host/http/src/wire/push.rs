//! Push on the wire: devices, stories, settings and what admins see.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use warbler_domain::{ConversationId, EndpointId, MessageId, SessionId, Timestamp, UserId};
use warbler_service::{
    DeadNotification, EndpointView, KindView, Level, Mute, Note, ProviderHealth, PushOverview, PushPolicy, QuietHours,
    Quota, Story, Weekday,
};

/// A device.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointJson {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: EndpointId,
    /// Its kind.
    kind: String,
    /// The session that it belongs to, and ends with.
    #[schema(value_type = String, format = "uuid")]
    session: SessionId,
    /// Whether that is the one that asks.
    current: bool,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
}

/// A kind of device that can be registered.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindJson {
    /// The kind.
    kind: String,
    /// What a device needs to know to register at its provider, such as the key that Web Push asks for.
    #[schema(value_type = Object)]
    public: Map<String, Value>,
}

/// One step on a notification's way, or the reason that there is none.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoteJson {
    /// Which device; all of the person's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    endpoint: Option<EndpointId>,
    /// The device's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// What happened: `step` is `not-sent` (with `rule`), `accepted`, `retry` (with `reason` and `again_at`),
    /// `gone`, `refused` (with `reason`), `collapsed` (with `into`), `dropped` (with `why`) or `given-up`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    step: Value,
}

/// Why somebody got a notification of a message, or none.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoryJson {
    /// The message.
    #[schema(value_type = String, format = "uuid")]
    message: MessageId,
    /// What happened, in order; empty where the person had no device, or after a week.
    notes: Vec<NoteJson>,
    /// The devices that the person has now.
    endpoints: Vec<EndpointJson>,
}

/// Of which messages somebody is told.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LevelJson {
    /// Of all.
    #[default]
    All,
    /// Of those that mention them.
    Mentions,
    /// Of none.
    None,
}

/// What somebody decided for one conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct MuteJson {
    /// Of which messages they are told.
    level: LevelJson,
    /// Until when; for good if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    until: Option<Timestamp>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum WeekdayJson {
    /// The first one.
    Monday,
    /// The second one.
    Tuesday,
    /// The third one.
    Wednesday,
    /// The fourth one.
    Thursday,
    /// The fifth one.
    Friday,
    /// The sixth one.
    Saturday,
    /// The last one.
    Sunday,
}

/// Hours in which nobody should disturb.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietJson {
    /// When they begin by the person's clock, as `22:00`.
    from: String,
    /// When they end; where it is before the beginning, they last past midnight.
    to: String,
    /// The days on which they begin; every day if empty.
    #[serde(default)]
    days: Vec<WeekdayJson>,
}

/// How fast a provider may be given notifications.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaJson {
    /// How many in each second.
    per_second: u32,
    /// How many at once; as many as in a second if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
}

/// What a tenant's admins decide about notifications.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushPolicyJson {
    /// Whether notifications say who wrote what; otherwise they carry an identifier alone.
    contents: bool,
    /// After so many seconds without doing anything somebody counts as away although connected; 0 for never.
    idle_seconds: u64,
    /// The kinds of provider that may be used; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<BTreeSet<String>>,
    /// Whether a mention is told of in quiet hours, too.
    mentions_break_quiet: bool,
    /// Of which messages in groups people are told who have not decided for themselves.
    groups: LevelJson,
    /// After so many seconds a notification is worth nothing: 60 to 86,400.
    expiry_seconds: u64,
    /// Notifications per second, by the name of the plugin that delivers them.
    quotas: BTreeMap<String, QuotaJson>,
}

/// How the provider of one kind fares.
#[derive(Serialize, ToSchema)]
struct HealthJson {
    /// The kind of device.
    kind: String,
    /// The plugin that delivers to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Notifications that the provider took since the host started.
    accepted: u64,
    /// Tries that had to be made again.
    retried: u64,
    /// Addresses that were dead.
    gone: u64,
    /// Notifications that the provider refused for good.
    refused: u64,
    /// Notifications that were given up.
    given_up: u64,
    /// Batches that waited for the quota.
    throttled: u64,
    /// Batches that failed as a whole since one was taken.
    failing: u64,
    /// Notifications that wait in memory.
    waiting: u64,
    /// When the provider last took one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    last_accepted_at: Option<Timestamp>,
    /// When something last failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    last_error_at: Option<Timestamp>,
    /// What.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// What a tenant's admins see of push.
#[derive(Serialize, ToSchema)]
pub(crate) struct OverviewJson {
    /// Devices, by kind.
    endpoints: BTreeMap<String, usize>,
    /// How each kind's provider fares.
    providers: Vec<HealthJson>,
    /// Notifications that were given up.
    dead_letters: usize,
}

/// A notification that was given up.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadJson {
    /// What it is known by in this list.
    #[schema(value_type = String, format = "uuid")]
    id: String,
    /// The message.
    #[schema(value_type = String, format = "uuid")]
    message: MessageId,
    /// Where it was posted.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// Whom it was for.
    #[schema(value_type = String, format = "uuid")]
    user: UserId,
    /// Which device.
    #[schema(value_type = String, format = "uuid")]
    endpoint: EndpointId,
    /// The device's kind.
    kind: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// Why.
    reason: String,
}

impl From<EndpointView> for EndpointJson {
    fn from(view: EndpointView) -> Self {
        let EndpointView { id, kind, session, current, created_at } = view;
        Self { id, kind, session, current, created_at }
    }
}

impl From<KindView> for KindJson {
    fn from(KindView { kind, public }: KindView) -> Self {
        Self { kind, public }
    }
}

impl From<Note> for NoteJson {
    fn from(note: Note) -> Self {
        // A step is made of texts and numbers, which always serialise.
        let step = serde_json::to_value(&note.step).unwrap_or_default();
        Self { endpoint: note.endpoint, kind: note.kind, at: note.at, step }
    }
}

impl From<Story> for StoryJson {
    fn from(story: Story) -> Self {
        let Story { message, notes, endpoints } = story;
        let notes = notes.into_iter().map(Into::into).collect();
        Self { message, notes, endpoints: endpoints.into_iter().map(Into::into).collect() }
    }
}

impl From<LevelJson> for Level {
    fn from(level: LevelJson) -> Self {
        match level {
            LevelJson::All => Self::All,
            LevelJson::Mentions => Self::Mentions,
            LevelJson::None => Self::None,
        }
    }
}

impl From<Level> for LevelJson {
    fn from(level: Level) -> Self {
        match level {
            Level::All => Self::All,
            Level::Mentions => Self::Mentions,
            Level::None => Self::None,
        }
    }
}

impl From<Mute> for MuteJson {
    fn from(mute: Mute) -> Self {
        Self { level: mute.level.into(), until: mute.until }
    }
}

impl QuietJson {
    /// The hours, if the texts are times of a day.
    pub(crate) fn hours(&self) -> Option<QuietHours> {
        let days = self.days.iter().map(|day| (*day).into()).collect();
        Some(QuietHours { from: minutes(&self.from)?, to: minutes(&self.to)?, days })
    }
}

/// The minute of the day of a text such as `22:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

impl From<QuietHours> for QuietJson {
    fn from(hours: QuietHours) -> Self {
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let days = hours.days.iter().map(|day| (*day).into()).collect();
        Self { from: text(hours.from), to: text(hours.to), days }
    }
}

impl From<WeekdayJson> for Weekday {
    fn from(day: WeekdayJson) -> Self {
        match day {
            WeekdayJson::Monday => Self::Monday,
            WeekdayJson::Tuesday => Self::Tuesday,
            WeekdayJson::Wednesday => Self::Wednesday,
            WeekdayJson::Thursday => Self::Thursday,
            WeekdayJson::Friday => Self::Friday,
            WeekdayJson::Saturday => Self::Saturday,
            WeekdayJson::Sunday => Self::Sunday,
        }
    }
}

impl From<Weekday> for WeekdayJson {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

impl Default for PushPolicyJson {
    fn default() -> Self {
        PushPolicy::default().into()
    }
}

impl From<PushPolicy> for PushPolicyJson {
    fn from(policy: PushPolicy) -> Self {
        let PushPolicy { contents, idle_seconds, kinds, mentions_break_quiet, groups, expiry_seconds, quotas } = policy;
        let quota = |quota: Quota| QuotaJson { per_second: quota.per_second, burst: quota.burst };
        let quotas = quotas.into_iter().map(|(plugin, of)| (plugin, quota(of))).collect();
        Self { contents, idle_seconds, kinds, mentions_break_quiet, groups: groups.into(), expiry_seconds, quotas }
    }
}

impl From<PushPolicyJson> for PushPolicy {
    fn from(policy: PushPolicyJson) -> Self {
        let PushPolicyJson { contents, idle_seconds, kinds, mentions_break_quiet, groups, expiry_seconds, quotas } =
            policy;
        let quota = |quota: QuotaJson| Quota { per_second: quota.per_second, burst: quota.burst };
        let quotas = quotas.into_iter().map(|(plugin, of)| (plugin, quota(of))).collect();
        Self { contents, idle_seconds, kinds, mentions_break_quiet, groups: groups.into(), expiry_seconds, quotas }
    }
}

impl From<ProviderHealth> for HealthJson {
    fn from(health: ProviderHealth) -> Self {
        Self {
            kind: health.kind,
            provider: health.provider,
            accepted: health.accepted,
            retried: health.retried,
            gone: health.gone,
            refused: health.refused,
            given_up: health.given_up,
            throttled: health.throttled,
            failing: health.failing,
            waiting: health.waiting,
            last_accepted_at: health.last_accepted_at,
            last_error_at: health.last_error_at,
            last_error: health.last_error,
        }
    }
}

impl From<PushOverview> for OverviewJson {
    fn from(overview: PushOverview) -> Self {
        let PushOverview { endpoints, providers, dead_letters } = overview;
        Self { endpoints, providers: providers.into_iter().map(Into::into).collect(), dead_letters }
    }
}

impl From<DeadNotification> for DeadJson {
    fn from(dead: DeadNotification) -> Self {
        Self {
            id: dead.id.to_string(),
            message: dead.message,
            conversation: dead.conversation,
            user: dead.user,
            endpoint: dead.endpoint,
            kind: dead.kind,
            attempts: dead.attempts,
            at: dead.at,
            reason: dead.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_day_are_read_and_written_alike_and_others_are_refused() {
        assert_eq!(minutes("22:05"), Some(22 * 60 + 5));
        for bad in ["24:00", "12:60", "1:00", "noon", "12", "+1:00", ""] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
        let hours = QuietHours { from: 22 * 60, to: 7 * 60 + 30, days: vec![Weekday::Friday] };
        assert_eq!(QuietJson::from(hours.clone()).hours(), Some(hours));
    }
}
