//! Sizes and limits that several rooms must agree on. A configured limit may be lower, never higher,
//! than what a constant here says.

use std::fmt;
use std::time::Duration;

use crate::HookKind;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `n` kibibytes.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n * 1024)
    }

    /// `n` mebibytes.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n * 1024 * 1024)
    }

    /// As a memory size, held at the greatest one.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n.is_multiple_of(1 << 20) => write!(f, "{} MiB", n >> 20),
            n if n >= 1 << 10 && n.is_multiple_of(1 << 10) => write!(f, "{} KiB", n >> 10),
            n => write!(f, "{n} bytes"),
        }
    }
}

/// What a message may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Greatest length of a text, in bytes of UTF-8.
    pub text: ByteSize,
    /// Greatest length of a custom body's JSON.
    pub custom: ByteSize,
    /// Most people that one message can mention.
    pub mentions: usize,
    /// Greatest length of a client's idempotency key, in bytes.
    pub key: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        // 64 KiB of JSON is what the plugin contract promises; 16 KiB of text are five printed pages.
        Self { text: ByteSize::kib(16), custom: ByteSize::kib(64), mentions: 64, key: 64 }
    }
}

/// What one call of a hook may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookLimits {
    /// From the moment the call is asked for, waiting in line included.
    pub deadline: Duration,
    /// Linear memory of one instance.
    pub memory: ByteSize,
    /// Calls that may run or wait at a time; one more is refused as busy.
    pub concurrency: usize,
}

impl HookLimits {
    /// The defaults for content filters.
    #[must_use]
    pub const fn content_filter() -> Self {
        Self { deadline: Duration::from_millis(50), memory: ByteSize::mib(32), concurrency: 1024 }
    }

    /// The defaults for agents: a reply may take a minute.
    #[must_use]
    pub const fn agent() -> Self {
        Self { deadline: Duration::from_mins(1), memory: ByteSize::mib(128), concurrency: 1024 }
    }

    /// The defaults for push providers, a batch at a time.
    #[must_use]
    pub const fn push() -> Self {
        Self { deadline: Duration::from_secs(10), memory: ByteSize::mib(64), concurrency: 1024 }
    }

    /// The defaults for backup sinks: a blob of 32 MiB stands in memory twice while it is sent.
    #[must_use]
    pub const fn backup_sink() -> Self {
        Self { deadline: Duration::from_mins(1), memory: ByteSize::mib(128), concurrency: 64 }
    }

    /// The defaults for a hook.
    #[must_use]
    pub const fn of(hook: HookKind) -> Self {
        match hook {
            HookKind::ContentFilter => Self::content_filter(),
            HookKind::Agent => Self::agent(),
            HookKind::Push => Self::push(),
            HookKind::BackupSink => Self::backup_sink(),
        }
    }
}
