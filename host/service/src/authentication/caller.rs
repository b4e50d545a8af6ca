//! Who calls: made by authentication alone, so that whoever holds one has proved who they are.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use warbler_domain::{Right, Role, SessionId, TenantId, TenantScope, Timestamp, UserId};

use crate::members::Profile;
use crate::options::{Rate, RateLimits};
use crate::rate::Bucket;
use crate::{EndReason, ServiceError};

/// How much an agent may say in all its conversations together.
const AGENT_MESSAGES: Rate = Rate { burst: 10_000, per_second: 1_000 };

/// A person or program of one tenant, signed in. Clones are the same session.
#[derive(Clone)]
pub struct Caller {
    session: Arc<Session>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({}, {})", self.user(), self.session())
    }
}

impl Caller {
    pub(super) const fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// An agent, for whom the host itself speaks: it has no password, and no session that anyone could hold.
    pub(crate) fn agent(scope: TenantScope, person: Arc<Person>, limits: &RateLimits) -> Self {
        Self::unsigned(scope, person, limits)
    }

    /// A caller who did not sign in: no token leads to this session, and it does not expire.
    fn unsigned(scope: TenantScope, person: Arc<Person>, limits: &RateLimits) -> Self {
        let session = Session {
            id: SessionId::from_uuid(person.id.as_uuid()),
            scope,
            person,
            expires_at: Timestamp::from_millis(u64::MAX),
            token: [0; 32],
            active_at: AtomicU64::new(0),
            written_at: AtomicU64::new(0),
            frames: Bucket::new(limits.frames, "frames"),
            connections: AtomicUsize::new(0),
            ended: AtomicU8::new(0),
        };
        Self::new(Arc::new(session))
    }

    /// Leave to reach the tenant's data.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.session.scope
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.session.scope.tenant()
    }

    /// The account.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.session.person.id
    }

    /// The account's role at this moment.
    #[must_use]
    pub fn role(&self) -> Role {
        self.session.person.profile.load().role
    }

    /// The account's profile at this moment.
    #[must_use]
    pub fn profile(&self) -> Arc<Profile> {
        self.session.person.profile.load_full()
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session.id
    }

    /// Whether the session is still good: one that was ended answers nothing more.
    ///
    /// # Errors
    /// `SessionEnded`.
    pub fn live(&self) -> Result<(), ServiceError> {
        self.session.ended().map_or(Ok(()), |reason| Err(ServiceError::SessionEnded { reason }))
    }

    /// Whether the session is still good, and the account's role carries `right`.
    ///
    /// # Errors
    /// `SessionEnded` or `Forbidden`.
    pub fn require(&self, right: Right) -> Result<(), ServiceError> {
        self.live()?;
        if self.role().may(right) { Ok(()) } else { Err(ServiceError::Forbidden { action: action(right) }) }
    }

    /// Takes note of one frame of the session's connections.
    ///
    /// # Errors
    /// `RateLimited` if there were too many, or `SessionEnded`.
    pub fn admit_frame(&self) -> Result<(), ServiceError> {
        self.live()?;
        self.session.frames.take()
    }

    pub(crate) const fn inner(&self) -> &Arc<Session> {
        &self.session
    }

    pub(crate) fn person(&self) -> &Arc<Person> {
        &self.session.person
    }
}

/// The operator of the host, who runs tenants but sees nothing of what is in them.
#[derive(Debug, Clone)]
pub struct OperatorCaller {
    scope: TenantScope,
}

impl OperatorCaller {
    pub(super) const fn new(scope: TenantScope) -> Self {
        Self { scope }
    }

    /// Leave to reach what belongs to the host itself.
    #[must_use]
    pub const fn scope(&self) -> &TenantScope {
        &self.scope
    }
}

const fn action(right: Right) -> &'static str {
    match right {
        Right::StartConversation => "start conversations",
        Right::StartGroup => "start groups",
        Right::SeeMembers => "see the members",
        Right::ManageMembers => "manage members",
        Right::ManageAdmins => "manage owners and admins",
        Right::ManagePlugins => "manage plugins",
        Right::SeePlugins => "see plugins",
        Right::ManageLexicons => "change word lists",
        Right::Review => "review held messages",
        Right::ReadAudit => "read the audit log",
        Right::ManagePolicy => "change the policy",
        Right::ManageAgents => "manage agents",
        Right::Serve => "serve customers",
        Right::ManageBackups => "manage backups",
    }
}

/// An account in memory, shared by all its sessions.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) revision: AtomicU64,
    pub(crate) profile: ArcSwap<Profile>,
    pub(crate) messages: Bucket,
    pub(crate) typing: Bucket,
}

impl Person {
    pub(crate) fn new(revision: u64, profile: Profile, limits: &RateLimits) -> Self {
        // One agent speaks in as many conversations at once as ask it; what it says has limits of its own.
        let messages = if profile.role == Role::Agent { AGENT_MESSAGES } else { limits.messages };
        Self {
            id: profile.id,
            revision: AtomicU64::new(revision),
            profile: ArcSwap::from_pointee(profile),
            messages: Bucket::new(messages, "messages"),
            typing: Bucket::new(limits.typing, "signs of typing"),
        }
    }

    /// Takes over a changed profile, unless it is older than what is here.
    pub(crate) fn update(&self, revision: u64, profile: Profile) {
        if self.revision.fetch_max(revision, Ordering::AcqRel) < revision {
            self.profile.store(Arc::new(profile));
        }
    }
}

/// A session in memory.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) scope: TenantScope,
    pub(crate) person: Arc<Person>,
    pub(crate) expires_at: Timestamp,
    /// SHA-256 of its token.
    pub(crate) token: [u8; 32],
    /// When a person last did something, in milliseconds.
    pub(crate) active_at: AtomicU64,
    /// The part of it that is in state.
    pub(crate) written_at: AtomicU64,
    pub(crate) frames: Bucket,
    pub(crate) connections: AtomicUsize,
    /// 0 while it lives, then the reason.
    pub(crate) ended: AtomicU8,
}

impl Session {
    /// Why it is over, if it is.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        match self.ended.load(Ordering::Acquire) {
            0 => None,
            1 => Some(EndReason::SignedOut),
            2 => Some(EndReason::Idle),
            3 => Some(EndReason::Revoked),
            _ => Some(EndReason::Expired),
        }
    }

    /// Ends it in memory; the first reason stands.
    pub(crate) fn end(&self, reason: EndReason) {
        let code = match reason {
            EndReason::SignedOut => 1,
            EndReason::Idle => 2,
            EndReason::Revoked => 3,
            EndReason::Expired => 4,
        };
        // An error means that it had ended already.
        let _ = self.ended.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    /// A person did something.
    pub(crate) fn touch(&self, now: Timestamp) {
        self.active_at.fetch_max(now.as_millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Caller {
    /// A caller whom nobody authenticated, for tests of what callers may do.
    pub(crate) fn for_test(scope: TenantScope, user: UserId, role: Role) -> Self {
        let limits = RateLimits::default();
        let profile = Profile {
            id: user,
            login: "test".to_owned(),
            name: "Test".to_owned(),
            role,
            locale: None,
            disabled: false,
            created_at: Timestamp::default(),
        };
        Self::unsigned(scope, Arc::new(Person::new(1, profile, &limits)), &limits)
    }
}

#[cfg(test)]
impl OperatorCaller {
    /// The operator, without a token.
    pub(crate) const fn for_test() -> Self {
        Self::new(TenantScope::operator())
    }
}
