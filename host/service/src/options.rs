//! The limits and costs that an operator may set. The defaults suit a small enterprise on one machine.

use std::time::Duration;

use warbler_domain::{ByteSize, MessageLimits};
use zeroize::Zeroizing;

/// A token bucket: so many at once, and so many more per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many more in each second, spread evenly.
    pub per_second: u32,
}

/// The cost of an Argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// 19 MiB, two passes, one lane: the first choice of the OWASP Password Storage Cheat Sheet.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// How many one-time codes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRate {
    /// To one address, whoever asks.
    pub per_address: u32,
    /// To one person, whatever the address.
    pub per_person: u32,
    /// In so much time.
    pub within: Duration,
}

impl Default for CodeRate {
    fn default() -> Self {
        // Somebody whose first code got lost asks twice or three times; text messages cost money.
        Self { per_address: 5, per_person: 8, within: Duration::from_mins(10) }
    }
}

/// How often callers may do what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Messages and edits, per person.
    pub messages: Rate,
    /// Signs of typing, per person.
    pub typing: Rate,
    /// Frames of any kind, per session.
    pub frames: Rate,
    /// Sign-ins, per address (IPv6: per /64).
    pub sign_ins: Rate,
    /// Wrong passwords in a row before the account has to wait.
    pub failures_before_wait: u32,
    /// The first wait; it doubles with each further failure.
    pub first_wait: Duration,
    /// One-time codes.
    pub codes: CodeRate,
    /// The longest wait. Short, because it can be forced upon an account by a stranger.
    pub longest_wait: Duration,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            messages: Rate { burst: 60, per_second: 20 },
            typing: Rate { burst: 5, per_second: 2 },
            frames: Rate { burst: 200, per_second: 100 },
            sign_ins: Rate { burst: 20, per_second: 1 },
            failures_before_wait: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
            codes: CodeRate::default(),
        }
    }
}

/// What an operator may set about agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentOptions {
    /// Replies of one tenant that may be under way at a time, those that wait for a slot included.
    pub at_once: usize,
    /// How long a reply waits in line for others of its agent and tenant, before people are told that there are too
    /// many.
    pub patience: Duration,
    /// The largest document of a knowledge base.
    pub document: ByteSize,
    /// Programs that may be started as tool servers.
    pub tool_programs: Vec<String>,
    /// Private places, as `host:port`, that tool servers may have.
    pub tool_hosts: Vec<String>,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            at_once: 1_024,
            // Longer than most replies take, and as long as people wait for a word.
            patience: Duration::from_mins(2),
            document: ByteSize::mib(20),
            tool_programs: Vec::new(),
            tool_hosts: Vec::new(),
        }
    }
}

/// What an operator may set.
#[derive(Clone)]
pub struct Options {
    /// The token that makes its bearer the operator; without one there is no operator.
    pub operator_token: Option<Zeroizing<String>>,
    /// What a message may carry.
    pub messages: MessageLimits,
    /// The largest file.
    pub attachment: ByteSize,
    /// The most members of a conversation.
    pub conversation_members: usize,
    /// How often callers may do what they do.
    pub rates: RateLimits,
    /// The cost of a password hash.
    pub password_cost: PasswordCost,
    /// Password hashes that may be computed at a time.
    pub password_workers: usize,
    /// Deliveries that may wait for a slow connection before it has to catch up from the log.
    pub connection_queue: usize,
    /// Live connections of one session.
    pub connections_per_session: usize,
    /// Entries that each in-memory projection may hold.
    pub cache_entries: usize,
    /// How often last-seen times are written, and sessions looked through for those that are over.
    pub session_sweep: Duration,
    /// Agents.
    pub agents: AgentOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            operator_token: None,
            messages: MessageLimits::default(),
            attachment: ByteSize::mib(100),
            conversation_members: 2_000,
            rates: RateLimits::default(),
            password_cost: PasswordCost::default(),
            password_workers: 2,
            connection_queue: 1_024,
            connections_per_session: 8,
            cache_entries: 65_536,
            session_sweep: Duration::from_secs(5),
            agents: AgentOptions::default(),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The operator's token must not reach a log.
        f.debug_struct("Options").field("rates", &self.rates).field("messages", &self.messages).finish_non_exhaustive()
    }
}
