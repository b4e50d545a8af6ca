//! Receipts: the record of one filter's decision about one message.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Finding, InstallationId, Reason, Strength};

/// How a call of a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The plugin decided.
    Decided,
    /// The plugin failed, and the installation's policy decided in its place.
    Failed {
        /// The failure's stable code.
        code: String,
    },
}

/// What one filter said of one message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which installation.
    pub installation: InstallationId,
    /// The plugin's name. It and the next three are the same in thousands of receipts.
    pub plugin: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// SHA-256 of its package, in hex.
    pub digest: Arc<str>,
    /// SHA-256 of its configuration, in hex.
    pub config_digest: Arc<str>,
    /// What it said, or its policy in its place.
    pub verdict: Strength,
    /// The reason that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What it found, in offsets into the original text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Whether the plugin itself decided.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Time taken, waiting in line included, in microseconds.
    pub took_us: u64,
    /// Whether this was the second scan, of a rewritten text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescan: bool,
}
