//! Conversations: who may begin one, who is in it, what it is called. What is said in them is the business
//! of `messages`.
//!
//! Each change is an event of the conversation's log and a write of its record, committed together. A
//! conversation of others, of another tenant, or none at all is the same `NotFound`.

mod room;

use std::fmt;
use std::sync::Arc;

use warbler_domain::{
    Append, Conversation, ConversationId, ConversationKind, Event, EventKind, Expect, Member, Right, Sequence,
    StateWrite, StoreError, UserId,
};

pub(crate) use room::{Room, RoomRecord};

use crate::core::Core;
use crate::members::Profile;
use crate::{Caller, ServiceError, backup, records};

/// Longest title, in bytes.
const TITLE: usize = 200;

/// How often another change may be faster before the caller is told.
const ATTEMPTS: usize = 8;

/// Most conversations of one page.
const PAGE: usize = 200;

/// A conversation to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConversation {
    /// Its kind.
    pub kind: ConversationKind,
    /// What people call it; empty for direct conversations.
    pub title: String,
    /// Who is in it beside the one who starts it.
    pub members: Vec<UserId>,
}

/// A conversation in the list of someone's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The conversation.
    pub conversation: Arc<Conversation>,
    /// The last place taken in it.
    pub head: Sequence,
    /// How far the caller has read.
    pub read: Sequence,
}

/// The conversations of a tenant.
#[derive(Clone)]
pub struct Conversations {
    core: Arc<Core>,
}

impl fmt::Debug for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conversations")
    }
}

impl Conversations {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Starts a conversation. Two people have one direct conversation: starting it again gives the one
    /// that there is.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `NotFound` if a member is not of this tenant, `SessionEnded`, or the store
    /// failed.
    pub async fn start(&self, caller: &Caller, new: NewConversation) -> Result<Arc<Conversation>, ServiceError> {
        let is_group = new.kind == ConversationKind::Group;
        caller.require(if is_group { Right::StartGroup } else { Right::StartConversation })?;
        let members = self.members(caller, &new).await?;
        let (direct, index) = match (new.kind, members.as_slice()) {
            (ConversationKind::Direct, &[one, other]) => {
                let key = records::direct(one, other);
                if let Some(present) = self.direct(caller, one, other).await? {
                    return Ok(present);
                }
                (true, vec![key])
            }
            _ => (false, Vec::new()),
        };
        let now = self.core.now();
        let conversation = Conversation {
            id: ConversationId::from_uuid(self.core.ports.ids.next()),
            kind: new.kind,
            title: new.title,
            created_by: caller.user(),
            created_at: now,
            members: members.iter().map(|user| Member { user: *user, joined_at: now }).collect(),
        };
        let kind = EventKind::Created { kind: new.kind, title: conversation.title.clone(), members: members.clone() };
        let id = conversation.id;
        let record = RoomRecord { revision: 1, conversation };
        let mut writes = vec![records::put(records::conversation(id), &record, Expect::Absent)?];
        for key in index {
            writes.push(records::put(key, &id, Expect::Absent)?);
        }
        for user in &members {
            writes.push(records::put(records::membership(*user, id), &(), Expect::Any)?);
        }
        match self.append(caller, id, kind, writes).await {
            Ok(()) => {}
            Err(ServiceError::Conflict { .. }) if direct => {
                // The other one was faster.
                let &[one, other] = members.as_slice() else { return Err(GONE) };
                return self.direct(caller, one, other).await?.ok_or(GONE);
            }
            Err(error) => return Err(error),
        }
        let conversation = Arc::new(record.conversation.clone());
        self.core.room_changed(caller.tenant(), record);
        Ok(conversation)
    }

    /// The caller and those named, each once, after checking that they may be together.
    async fn members(&self, caller: &Caller, new: &NewConversation) -> Result<Vec<UserId>, ServiceError> {
        let mut members = vec![caller.user()];
        for user in &new.members {
            if !members.contains(user) {
                members.push(*user);
            }
        }
        let most = self.core.options.conversation_members;
        if members.len() > most {
            return Err(too_many(most));
        }
        if new.kind == ConversationKind::Direct {
            if !new.title.is_empty() {
                return Err(ServiceError::invalid("title", "must be empty for a direct conversation"));
            }
            if members.len() != 2 {
                return Err(ServiceError::invalid("members", "must name one other person for a direct conversation"));
            }
        } else {
            check_title(&new.title)?;
        }
        for user in &members {
            self.open_account(caller, *user).await?;
        }
        Ok(members)
    }

    async fn open_account(&self, caller: &Caller, user: UserId) -> Result<(), ServiceError> {
        let person = self.core.person(caller.scope(), user).await?;
        match person.filter(|person| !person.profile.load().disabled) {
            Some(_) => Ok(()),
            None => Err(ServiceError::NotFound { what: "member" }),
        }
    }

    async fn direct(
        &self,
        caller: &Caller,
        one: UserId,
        other: UserId,
    ) -> Result<Option<Arc<Conversation>>, ServiceError> {
        let key = records::direct(one, other);
        let found = records::get::<ConversationId>(&*self.core.ports.state, caller.scope(), &key, "direct").await?;
        let Some((id, _)) = found else { return Ok(None) };
        let room = self.core.room_of(caller.scope(), caller.user(), id).await?;
        Ok(Some(Arc::clone(&room.conversation)))
    }

    /// The caller's conversations in the order of their making, after `after`, at most `limit` (1 to 200).
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn list(
        &self,
        caller: &Caller,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<Listed>, ServiceError> {
        caller.live()?;
        let (scope, user) = (caller.scope(), caller.user());
        let prefix = records::under("member", &[&user]);
        let after = after.map(|id| records::membership(user, id));
        let limit = limit.clamp(1, PAGE);
        let mut list = Vec::new();
        for (key, _) in self.core.ports.state.scan(scope, &prefix, after.as_ref(), limit).await? {
            let Ok(id) = key.last().parse() else { continue };
            let Some(room) = self.core.room(scope, id).await? else { continue };
            let head = self.core.ports.log.head(scope, id).await?;
            let mark = records::read_mark(id, user);
            let read = records::get::<Sequence>(&*self.core.ports.state, scope, &mark, "read mark").await?;
            let read = read.map_or(Sequence(0), |(read, _)| read);
            list.push(Listed { conversation: Arc::clone(&room.conversation), head, read });
        }
        Ok(list)
    }

    /// A conversation that the caller is in.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, id: ConversationId) -> Result<Arc<Conversation>, ServiceError> {
        caller.live()?;
        let room = self.core.room_of(caller.scope(), caller.user(), id).await?;
        Ok(Arc::clone(&room.conversation))
    }

    /// The profiles of everybody in a conversation that the caller is in. This is how guests see those
    /// they talk to.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn people(&self, caller: &Caller, id: ConversationId) -> Result<Vec<Profile>, ServiceError> {
        let conversation = self.get(caller, id).await?;
        let mut people = Vec::with_capacity(conversation.members.len());
        for member in &conversation.members {
            if let Some(person) = self.core.person(caller.scope(), member.user).await? {
                people.push(Profile::clone(&person.profile.load()));
            }
        }
        Ok(people)
    }

    /// Asks people in. Those who are in already stay so.
    ///
    /// # Errors
    /// `Forbidden` for guests and agents, `Invalid` for a direct conversation or too many members,
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn add_members(
        &self,
        caller: &Caller,
        id: ConversationId,
        users: &[UserId],
    ) -> Result<Arc<Conversation>, ServiceError> {
        self.changeable(caller, id).await?;
        caller.require(Right::StartConversation)?;
        self.admit(caller, id, users).await
    }

    /// Lets people in, in the name of `caller`, who is in it: whether they may is the use case's question.
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        id: ConversationId,
        users: &[UserId],
    ) -> Result<Arc<Conversation>, ServiceError> {
        let room = self.changeable(caller, id).await?;
        let most = self.core.options.conversation_members;
        let new: Vec<UserId> = users.iter().copied().filter(|user| !room.has(*user)).collect();
        if room.conversation.members.len().saturating_add(new.len()) > most {
            return Err(too_many(most));
        }
        for user in &new {
            self.open_account(caller, *user).await?;
        }
        for user in new {
            self.change(caller, id, |conversation, now| {
                if conversation.has(user) {
                    return Ok(None);
                }
                if conversation.members.len() >= most {
                    return Err(too_many(most));
                }
                conversation.members.push(Member { user, joined_at: now });
                let index = records::put(records::membership(user, id), &(), Expect::Any)?;
                Ok(Some((EventKind::Joined { user }, vec![index])))
            })
            .await?;
        }
        self.get(caller, id).await
    }

    /// Takes someone out. Who is not in it needs no taking out.
    ///
    /// # Errors
    /// `Forbidden` unless it is the caller themself, or the caller began the conversation or manages
    /// members; `Invalid` for a direct conversation; `NotFound`, `SessionEnded`, or the store failed.
    pub async fn remove_member(&self, caller: &Caller, id: ConversationId, user: UserId) -> Result<(), ServiceError> {
        let room = self.changeable(caller, id).await?;
        if user != caller.user() && room.conversation.created_by != caller.user() {
            caller.require(Right::ManageMembers)?;
        }
        self.change(caller, id, |conversation, _| {
            if !conversation.has(user) {
                return Ok(None);
            }
            conversation.members.retain(|member| member.user != user);
            let index = records::delete(records::membership(user, id), Expect::Any);
            Ok(Some((EventKind::Left { user }, vec![index])))
        })
        .await
    }

    /// Leaves a conversation.
    ///
    /// # Errors
    /// `Invalid` for a direct conversation, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn leave(&self, caller: &Caller, id: ConversationId) -> Result<(), ServiceError> {
        self.remove_member(caller, id, caller.user()).await
    }

    /// Removes what was said up to a place, or all of it. The places stay, and a backup may bring the messages back,
    /// unlike those that were recalled. Gives how many messages it were.
    ///
    /// # Errors
    /// `Forbidden` unless the caller began the conversation or manages members; `NotFound`, `SessionEnded`, or the
    /// store failed.
    pub async fn clear(
        &self,
        caller: &Caller,
        id: ConversationId,
        up_to: Option<Sequence>,
    ) -> Result<u64, ServiceError> {
        backup::clear(&self.core, caller, id, up_to).await
    }

    /// Gives a conversation another title.
    ///
    /// # Errors
    /// `Forbidden` for guests and agents, `Invalid`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn rename(
        &self,
        caller: &Caller,
        id: ConversationId,
        title: &str,
    ) -> Result<Arc<Conversation>, ServiceError> {
        self.changeable(caller, id).await?;
        caller.require(Right::StartConversation)?;
        check_title(title)?;
        self.change(caller, id, |conversation, _| {
            if conversation.title == title {
                return Ok(None);
            }
            title.clone_into(&mut conversation.title);
            Ok(Some((EventKind::Renamed { title: title.to_owned() }, Vec::new())))
        })
        .await?;
        self.get(caller, id).await
    }

    /// The conversation, if the caller is in it and its members and title may change at all.
    async fn changeable(&self, caller: &Caller, id: ConversationId) -> Result<Arc<Room>, ServiceError> {
        caller.live()?;
        let room = self.core.room_of(caller.scope(), caller.user(), id).await?;
        if room.conversation.kind == ConversationKind::Direct {
            return Err(ServiceError::invalid("conversation", "is a direct one: its members and title never change"));
        }
        Ok(room)
    }

    /// Changes the record as it is now in the store, together with the event that tells of it.
    async fn change(
        &self,
        caller: &Caller,
        id: ConversationId,
        apply: impl Fn(&mut Conversation, warbler_domain::Timestamp) -> Change,
    ) -> Result<(), ServiceError> {
        let key = records::conversation(id);
        for _ in 0..ATTEMPTS {
            let found =
                records::get::<RoomRecord>(&*self.core.ports.state, caller.scope(), &key, "conversation").await?;
            let (mut record, expect) = found.ok_or(GONE)?;
            // The room in memory may have been older.
            if !record.conversation.has(caller.user()) {
                return Err(GONE);
            }
            let Some((kind, mut writes)) = apply(&mut record.conversation, self.core.now())? else { return Ok(()) };
            record.revision += 1;
            writes.push(records::put(key.clone(), &record, expect)?);
            match self.append(caller, id, kind, writes).await {
                Ok(()) => {
                    self.core.room_changed(caller.tenant(), record);
                    return Ok(());
                }
                Err(ServiceError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ServiceError::Conflict { what: "the conversation is being changed by others" })
    }

    async fn append(
        &self,
        caller: &Caller,
        id: ConversationId,
        kind: EventKind,
        writes: Vec<StateWrite>,
    ) -> Result<(), ServiceError> {
        let event = Event {
            conversation: id,
            sequence: Sequence::default(),
            at: self.core.now(),
            actor: caller.user(),
            audience: warbler_domain::Audience::Members,
            kind,
        };
        let append = Append { writes, ..Append::event(event) };
        self.core.ports.log.append(caller.scope(), append).await.map(drop).map_err(|error: StoreError| error.into())
    }
}

/// An event with the writes that belong to it, or nothing if there is nothing to change.
type Change = Result<Option<(EventKind, Vec<StateWrite>)>, ServiceError>;

const GONE: ServiceError = ServiceError::NotFound { what: "conversation" };

fn too_many(most: usize) -> ServiceError {
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    ServiceError::Invalid { field: "members", problem: format!("must be at most {most}"), limit: Some(limit) }
}

fn check_title(title: &str) -> Result<(), ServiceError> {
    if title.trim().is_empty() || title.len() > TITLE {
        return Err(ServiceError::length("title", TITLE));
    }
    if title.chars().any(char::is_control) {
        return Err(ServiceError::invalid("title", "must not have control characters"));
    }
    Ok(())
}
