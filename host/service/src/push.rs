//! Push: notifications for people who are away.
//!
//! Driven from the log: a consumer decides about each message (`rule`, `handler`), and puts jobs into the
//! lanes of the devices' kinds (`lane`, `queue`), which compose what is said (`compose`, `text`) and hand
//! it to the tenant's plugins. Every job is either waited for by the consumer or written down, so that a
//! crash loses none; a device may get one twice, under the same identifier.
//!
//! What became of each notification is kept for a week (`story`), and what was given up for a month (`dead`).

mod code;
mod code_rate;
mod compose;
mod dead;
mod devices;
mod handler;
mod health;
mod job;
mod landing;
mod lane;
mod office;
mod person;
mod queue;
mod quiet;
mod rule;
mod story;
mod text;
mod unread;
mod withdrawn;
mod work;

use std::fmt;
use std::sync::Arc;

use warbler_domain::{ConversationId, Expect, MessageId, TenantId, Timestamp, UserId};
use warbler_store::Backoff;

pub use code::CodeMessage;
pub use dead::DeadNotification;
pub use devices::{EndpointView, KindView, NewEndpoint, TestReport};
pub use health::ProviderHealth;
pub use office::PushOverview;
pub(crate) use person::{Addressee, line as addressee_line, load as load_addressee, unbound, user_of as addressee_of};
pub use person::{Habits, Level, Mute};
pub use quiet::{QuietHours, Weekday};
pub use rule::{PushPolicy, Quota, Rule};
pub use story::{Dropped, Note, PushStep};
pub(crate) use withdrawn::Withdrawn;

use crate::consumers::{Consumers, Work};
use crate::core::Core;
use crate::{Caller, Plugins, ServiceError, records};
use handler::Decider;
use work::PushWork;

/// Messages of one tenant that are decided about at a time.
const AT_ONCE: usize = 256;

/// How often another change may be faster before the caller is told.
const ATTEMPTS: usize = 8;

/// Push, for those who are notified and for those who run it.
#[derive(Clone)]
pub struct Push {
    work: Arc<PushWork>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Push")
    }
}

/// What changes in one's habits; nothing leaves it as it is, and nothing within it forgets it.
#[allow(clippy::option_option)] // Three different things, as in a profile's change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HabitsChange {
    /// The time zone's name in the IANA database.
    pub time_zone: Option<Option<String>>,
    /// Hours in which nobody should disturb.
    pub do_not_disturb: Option<Option<QuietHours>>,
}

/// Why somebody got a notification of a message, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The message.
    pub message: MessageId,
    /// What happened, in order. Nothing where the person had no device, the tenant no plugin, or the
    /// message is older than stories are kept.
    pub notes: Vec<Note>,
    /// The devices that the person has now.
    pub endpoints: Vec<EndpointView>,
}

impl Push {
    pub(crate) fn new(core: &Arc<Core>, plugins: &Plugins) -> Self {
        Self { work: PushWork::new(Arc::clone(core), plugins.clone()) }
    }

    /// Takes up what was in line, and has messages decided about from now on.
    pub(crate) async fn start(&self, tenants: &[TenantId], consumers: &Consumers) -> Result<(), ServiceError> {
        self.work.start(tenants).await?;
        let handler = Arc::new(Decider { work: Arc::clone(&self.work) });
        consumers.add(Work { name: "push", backoff: Backoff::default(), at_once: AT_ONCE, handler });
        Ok(())
    }

    /// The caller's habits.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn habits(&self, caller: &Caller) -> Result<Habits, ServiceError> {
        caller.live()?;
        Ok(self.work.person(caller.scope(), caller.user()).await?.habits.clone())
    }

    /// Changes the caller's habits.
    ///
    /// # Errors
    /// `Invalid`, `SessionEnded`, or the store failed.
    pub async fn set_habits(&self, caller: &Caller, change: HabitsChange) -> Result<Habits, ServiceError> {
        caller.live()?;
        if let Some(Some(name)) = &change.time_zone {
            quiet::zone(name)?;
        }
        if let Some(Some(hours)) = &change.do_not_disturb {
            hours.check()?;
        }
        let (state, key) = (&*self.work.core.ports.state, person::habits_key(caller.user()));
        for _ in 0..ATTEMPTS {
            let (mut habits, expect): (Habits, _) = records::get_or_new(state, caller.scope(), &key, "habits").await?;
            if let Some(zone) = &change.time_zone {
                habits.time_zone.clone_from(zone);
            }
            if let Some(hours) = &change.do_not_disturb {
                habits.do_not_disturb.clone_from(hours);
            }
            match state.commit(caller.scope(), vec![records::put(key.clone(), &habits, expect)?]).await {
                Ok(()) => {
                    self.work.core.forget_addressee(caller.tenant(), caller.user());
                    return Ok(habits);
                }
                Err(warbler_domain::StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::Conflict { what: "the settings are being changed from another device" })
    }

    /// Of which messages of a conversation the caller wants to be told.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn mute(&self, caller: &Caller, conversation: ConversationId) -> Result<Mute, ServiceError> {
        caller.live()?;
        self.work.core.room_of(caller.scope(), caller.user(), conversation).await?;
        let person = self.work.person(caller.scope(), caller.user()).await?;
        let now = self.work.core.now();
        let mute = person.mutes.get(&conversation).copied().filter(|mute| mute.holds(now));
        Ok(mute.unwrap_or_default())
    }

    /// Decides of which messages of a conversation the caller wants to be told, for good or until a time.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn set_mute(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        level: Level,
        until: Option<Timestamp>,
    ) -> Result<Mute, ServiceError> {
        caller.live()?;
        self.work.core.room_of(caller.scope(), caller.user(), conversation).await?;
        let (key, mute) = (person::mute_key(caller.user(), conversation), Mute { level, until });
        let write = records::put(key, &mute, Expect::Any)?;
        self.work.core.ports.state.commit(caller.scope(), vec![write]).await?;
        self.work.core.forget_addressee(caller.tenant(), caller.user());
        Ok(mute)
    }

    /// Why the caller got a notification of a message, or none.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn story(&self, caller: &Caller, message: MessageId) -> Result<Story, ServiceError> {
        caller.live()?;
        self.tell(caller, message, caller.user()).await
    }

    async fn tell(&self, caller: &Caller, message: MessageId, user: UserId) -> Result<Story, ServiceError> {
        self.work.flush().await;
        let notes = story::read(&*self.work.core.ports.state, caller.scope(), message, Some(user)).await?;
        let person = self.work.person(caller.scope(), user).await?;
        let endpoints = person.endpoints.iter().map(|endpoint| EndpointView::of(endpoint, None)).collect();
        Ok(Story { message, notes, endpoints })
    }
}

#[cfg(test)]
impl Push {
    /// Has `hook` deliver to all kinds that it names, in the place of plugins.
    pub(crate) fn script(&self, hook: crate::installation::LiveHook<dyn warbler_domain::PushProvider>) {
        *self.work.scripted.write() = Some(hook);
    }
}

/// How fast a plugin wants to be given notifications, by its own configuration's property `quota`.
fn provider_quota(config: &str) -> Option<Quota> {
    #[derive(serde::Deserialize)]
    struct Config {
        quota: Option<Quota>,
    }
    serde_json::from_str::<Config>(config).ok()?.quota.filter(|quota| quota.per_second > 0)
}
