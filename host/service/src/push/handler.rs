//! The first half of the work: for each message in the log, who is told of it, and on which device.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use warbler_domain::{Audience, Committed, Event, EventKind, Message, SessionId, TenantScope, Timestamp, Urgency};
use warbler_store::Delivery;

use super::health::ROOM;
use super::job::{Held, Job, Ticket};
use super::lane::Order;
use super::person::{Addressee, Endpoint};
use super::rule::{Facts, PushPolicy, Rule, decide};
use super::story::{Dropped, Note, PushStep};
use super::work::{LANES, PushWork};
use crate::ServiceError;
use crate::consumers::{Handled, Handler};
use crate::conversations::Room;

/// Kinds that reach a person rather than a device: used for messages only where there is no device.
const FALLBACKS: [&str; 2] = ["email", "sms"];

/// How long notifications may stay in memory alone before they are written down.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long writing them down may take.
const STORING: Duration = Duration::from_secs(30);

/// Decides about messages.
pub(super) struct Decider {
    pub(super) work: Arc<PushWork>,
}

#[async_trait]
impl Handler for Decider {
    fn wants(&self, committed: &Committed) -> bool {
        if !self.work.is_reachable(committed.tenant) {
            return false;
        }
        match &committed.event.kind {
            EventKind::Posted { .. } => committed.event.audience == Audience::Members,
            EventKind::Recalled { message, .. } => {
                // At once, so that what is in line at this moment is not sent.
                self.work.core.withdrawn.add(*message);
                true
            }
            EventKind::Left { .. } | EventKind::Joined { .. } => true,
            _ => false,
        }
    }

    async fn handle(&self, scope: &TenantScope, delivery: &Delivery) -> Handled {
        let done = match &delivery.committed.event.kind {
            EventKind::Posted { message } => self.posted(scope, &delivery.committed, message).await,
            _ => self.changed(scope, &delivery.committed.event).await,
        };
        match done {
            Ok(true) | Err(ServiceError::NotFound { .. }) => Handled::Done,
            Ok(false) => Handled::Retry { reason: "notifications could not be kept".to_owned(), after: None },
            Err(error) => Handled::Retry { reason: error.to_string(), after: None },
        }
    }
}

impl Decider {
    /// What changes the numbers of unread messages.
    async fn changed(&self, scope: &TenantScope, event: &Event) -> Result<bool, ServiceError> {
        let (tenant, conversation) = (scope.tenant(), event.conversation);
        if let EventKind::Left { user } = &event.kind {
            self.work.unread.left(tenant, *user, conversation);
        } else if let Some(room) = self.work.core.room(scope, conversation).await? {
            self.work.unread.recount(tenant, room.members(), conversation);
        }
        Ok(true)
    }

    /// Decides about a message, and returns when everything that follows is settled or written down.
    async fn posted(
        &self,
        scope: &TenantScope,
        committed: &Committed,
        message: &Message,
    ) -> Result<bool, ServiceError> {
        let (core, event) = (&self.work.core, &committed.event);
        let Some(room) = core.room(scope, event.conversation).await? else { return Ok(true) };
        self.work.unread.posted(scope.tenant(), room.members(), message.sender, event.conversation, event.sequence);
        let policy = self.work.policy(scope).await?;
        let now = core.now();
        let expires_at = event.at.after(Duration::from_secs(policy.expiry_seconds));
        if expires_at <= now {
            return Ok(true);
        }
        let case = Case { committed, message, room: &room, policy: &policy, now, expires_at };
        let jobs = self.decide(scope, &case).await?;
        if jobs.is_empty() {
            return Ok(true);
        }
        Ok(self.deliver(scope, event, jobs, now).await)
    }

    /// Hands notifications to their lanes, and returns when each is settled or written down; `false` if it
    /// could not be.
    async fn deliver(&self, scope: &TenantScope, event: &Arc<Event>, jobs: Vec<Job>, now: Timestamp) -> bool {
        let mut kinds: HashMap<&str, usize> = HashMap::new();
        for job in &jobs {
            *kinds.entry(&job.kind).or_default() += 1;
        }
        let healths: Vec<_> =
            kinds.into_iter().map(|(kind, count)| (self.work.health(scope.tenant(), kind), count)).collect();
        let mut rooms = Vec::with_capacity(healths.len());
        for (health, count) in &healths {
            let count = u32::try_from((*count).min(ROOM)).unwrap_or(u32::MAX);
            rooms.extend(health.room.acquire_many(count).await);
        }
        let ticket = Ticket::new(jobs.len());
        let held = jobs.into_iter().map(|job| Held {
            job,
            event: Some(Arc::clone(event)),
            ticket: Some(Arc::clone(&ticket)),
            stored: false,
            came: now,
            throttled: false,
        });
        let held: Vec<Held> = held.collect();
        let mut lanes: Vec<(String, usize)> =
            held.iter().map(|held| (held.job.kind.clone(), held.job.lane(LANES))).collect();
        lanes.sort_unstable();
        lanes.dedup();
        self.work.enqueue(scope.tenant(), held);
        if let Ok(done) = tokio::time::timeout(PATIENCE, ticket.done()).await {
            return done;
        }
        // A provider is slow: what is not delivered yet is written down, so that the log's cursor can go on.
        for (kind, lane) in lanes {
            self.work.tube(scope.tenant(), &kind, lane).send(Order::Keep(Arc::clone(&ticket)));
        }
        tokio::time::timeout(STORING, ticket.done()).await.unwrap_or(false)
    }

    /// The notifications that a message leads to; notes about those who get none.
    async fn decide(&self, scope: &TenantScope, case: &Case<'_>) -> Result<Vec<Job>, ServiceError> {
        let (mut jobs, mut notes) = (Vec::new(), Vec::new());
        for user in case.room.members() {
            if *user == case.message.sender {
                continue;
            }
            let person = self.work.person(scope, *user).await?;
            // A device is told of what comes after it, also where older messages are looked at late.
            let devices: Vec<_> = person
                .endpoints
                .iter()
                .filter(|device| device.created_at <= case.committed.event.at)
                .cloned()
                .collect();
            if devices.is_empty() {
                continue;
            }
            if case.message.body.is_none() {
                let step = PushStep::Dropped { why: Dropped::Recalled };
                notes.push(Note { user: *user, endpoint: None, kind: None, at: case.now, step });
                continue;
            }
            match self.chosen(scope, case, &person, &devices) {
                Ok((urgency, endpoints)) => jobs.extend(endpoints.iter().map(|to| case.job(to, urgency))),
                Err(rule) => {
                    let step = PushStep::NotSent { rule };
                    notes.push(Note { user: *user, endpoint: None, kind: None, at: case.now, step });
                }
            }
        }
        self.work.book.note_all(scope.tenant(), case.message.id, notes);
        Ok(jobs)
    }

    fn chosen(
        &self,
        scope: &TenantScope,
        case: &Case<'_>,
        person: &Addressee,
        devices: &[Arc<Endpoint>],
    ) -> Result<(Urgency, Vec<Arc<Endpoint>>), Rule> {
        let conversation = &case.room.conversation;
        let Some(user) = devices.first().map(|device| device.user) else { return Err(Rule::KindNotAllowed) };
        let idle = Duration::from_secs(case.policy.idle_seconds);
        let facts = Facts {
            mentioned: case.message.mentions.contains(&user),
            active: self.work.core.hub.online().is_active(scope.tenant(), user, case.now, idle),
            mute: person.mutes.get(&conversation.id),
            quiet: person.is_quiet(case.now),
            kind: conversation.kind,
            now: case.now,
        };
        let urgency = decide(case.policy, &facts)?;
        let endpoints = one_per_device(devices, case.policy);
        if endpoints.is_empty() { Err(Rule::KindNotAllowed) } else { Ok((urgency, endpoints)) }
    }
}

/// A message, and all that decisions about it have in common.
struct Case<'a> {
    committed: &'a Committed,
    message: &'a Message,
    room: &'a Room,
    policy: &'a PushPolicy,
    now: Timestamp,
    expires_at: Timestamp,
}

impl Case<'_> {
    fn job(&self, to: &Endpoint, urgency: Urgency) -> Job {
        Job {
            message: self.message.id,
            conversation: self.committed.event.conversation,
            sequence: self.committed.event.sequence,
            position: self.committed.position,
            user: to.user,
            endpoint: to.id,
            kind: to.kind.clone(),
            urgency,
            mentioned: self.message.mentions.contains(&to.user),
            attempt: 0,
            due: self.now,
            since: None,
            expires_at: self.expires_at,
        }
    }
}

/// The latest allowed endpoint of each session: a device that registered twice is not told twice. Where
/// there is no device, what reaches the person serves.
fn one_per_device(endpoints: &[Arc<Endpoint>], policy: &PushPolicy) -> Vec<Arc<Endpoint>> {
    let mut devices: HashMap<SessionId, &Arc<Endpoint>> = HashMap::new();
    let mut fallback: Option<&Arc<Endpoint>> = None;
    for endpoint in endpoints.iter().filter(|endpoint| policy.allows(&endpoint.kind)) {
        if FALLBACKS.contains(&endpoint.kind.as_str()) {
            fallback = Some(fallback.map_or(endpoint, |present| later(present, endpoint)));
        } else {
            let of_session = devices.entry(endpoint.session).or_insert(endpoint);
            *of_session = later(of_session, endpoint);
        }
    }
    if devices.is_empty() {
        return fallback.cloned().into_iter().collect();
    }
    let mut chosen: Vec<_> = devices.into_values().cloned().collect();
    chosen.sort_by_key(|endpoint| endpoint.id);
    chosen
}

fn later<'a>(one: &'a Arc<Endpoint>, other: &'a Arc<Endpoint>) -> &'a Arc<Endpoint> {
    if (other.created_at, other.id) > (one.created_at, one.id) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use warbler_domain::{EndpointId, UserId};

    fn endpoint(id: u128, session: u128, kind: &str) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            id: EndpointId::from_uuid(Uuid::from_u128(id)),
            user: UserId::from_uuid(Uuid::nil()),
            session: SessionId::from_uuid(Uuid::from_u128(session)),
            kind: kind.into(),
            address: String::new(),
            digest: String::new(),
            created_at: Timestamp::from_millis(u64::try_from(id).unwrap()),
        })
    }

    fn chosen(endpoints: &[Arc<Endpoint>], policy: &PushPolicy) -> Vec<u128> {
        one_per_device(endpoints, policy).iter().map(|endpoint| endpoint.id.as_uuid().as_u128()).collect()
    }

    #[test]
    fn a_device_that_registered_twice_is_told_once() {
        let endpoints = [endpoint(1, 7, "fcm"), endpoint(2, 7, "web-push"), endpoint(3, 8, "fcm")];
        assert_eq!(chosen(&endpoints, &PushPolicy::default()), [2, 3]);
    }

    #[test]
    fn mail_and_text_messages_serve_where_there_is_no_device() {
        let endpoints = [endpoint(1, 7, "email"), endpoint(2, 8, "fcm")];
        assert_eq!(chosen(&endpoints, &PushPolicy::default()), [2]);
        assert_eq!(chosen(&endpoints[..1], &PushPolicy::default()), [1]);
        let only_mail = PushPolicy { kinds: Some(["email".into()].into()), ..PushPolicy::default() };
        assert_eq!(chosen(&endpoints, &only_mail), [1]);
        let nothing = PushPolicy { kinds: Some([].into()), ..PushPolicy::default() };
        assert!(chosen(&endpoints, &nothing).is_empty());
    }
}
