//! Verdicts: what a filter says of a message.

use serde::{Deserialize, Serialize};

use crate::Body;

/// Why, in two voices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// A stable code for programs.
    pub code: String,
    /// A text for people.
    pub text: String,
}

/// Something found in a text, as UTF-8 byte offsets into the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is taken for.
    pub label: String,
    /// The rule that found it.
    pub rule: String,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// How sure, from 0 to 1.
    pub score: f32,
}

/// What becomes of a message, from weakest to strongest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Deliver.
    Pass,
    /// Deliver, and record the findings.
    Flag,
    /// Deliver with a caution that receivers see.
    Warn {
        /// The caution.
        reason: Reason,
    },
    /// Deliver this instead.
    Rewrite {
        /// The new content.
        body: Body,
    },
    /// Keep it until a moderator decides.
    Hold {
        /// Why.
        reason: Reason,
    },
    /// Let the sender think that it was sent; deliver it to no one.
    Discard {
        /// Why.
        reason: Reason,
    },
    /// Refuse it, and say why.
    Reject {
        /// Why.
        reason: Reason,
        /// Whether the sender is invited to edit it and send again.
        can_edit: bool,
    },
}

/// A verdict without what it carries, ordered from weakest to strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// See [`Verdict::Pass`].
    Pass,
    /// See [`Verdict::Flag`].
    Flag,
    /// See [`Verdict::Warn`].
    Warn,
    /// See [`Verdict::Rewrite`].
    Rewrite,
    /// See [`Verdict::Hold`].
    Hold,
    /// See [`Verdict::Discard`].
    Discard,
    /// See [`Verdict::Reject`].
    Reject,
}

impl Strength {
    /// The word that stands for it in stored records, metrics and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flag",
            Self::Warn => "warn",
            Self::Rewrite => "rewrite",
            Self::Hold => "hold",
            Self::Discard => "discard",
            Self::Reject => "reject",
        }
    }
}

impl Verdict {
    /// How strong it is.
    #[must_use]
    pub const fn strength(&self) -> Strength {
        match self {
            Self::Pass => Strength::Pass,
            Self::Flag => Strength::Flag,
            Self::Warn { .. } => Strength::Warn,
            Self::Rewrite { .. } => Strength::Rewrite,
            Self::Hold { .. } => Strength::Hold,
            Self::Discard { .. } => Strength::Discard,
            Self::Reject { .. } => Strength::Reject,
        }
    }

    /// The reason that it carries.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Warn { reason } | Self::Hold { reason } | Self::Discard { reason } | Self::Reject { reason, .. } => {
                Some(reason)
            }
            Self::Pass | Self::Flag | Self::Rewrite { .. } => None,
        }
    }
}

/// A filter's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What should become of the message.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Decision {
    /// Nothing to say against it.
    pub const PASS: Self = Self { verdict: Verdict::Pass, findings: Vec::new() };
}
