//! Receipts on the wire: what filters said of a message, for moderators alone.

use serde::Serialize;
use utoipa::ToSchema;
use warbler_domain::{Finding, InstallationId, Outcome, Receipt};

use crate::wire::message::CautionView;

/// What one filter said of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptView<'a> {
    /// Which installation.
    #[schema(value_type = String, format = "uuid")]
    installation: InstallationId,
    /// The plugin's name.
    plugin: &'a str,
    /// Its version.
    version: &'a str,
    /// SHA-256 of its package, in hex.
    digest: &'a str,
    /// SHA-256 of its configuration, in hex.
    config_digest: &'a str,
    /// `pass`, `flag`, `warn`, `rewrite`, `hold`, `discard` or `reject`.
    verdict: &'static str,
    /// The reason that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<CautionView<'a>>,
    /// What it found.
    findings: Vec<FindingView<'a>>,
    /// Why the plugin failed, so that its policy decided in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    /// Time taken, waiting in line included, in microseconds.
    took_us: u64,
    /// Whether this was the second scan, of a rewritten text.
    rescan: bool,
}

/// Something found in a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct FindingView<'a> {
    /// What it is taken for.
    label: &'a str,
    /// The rule that found it.
    rule: &'a str,
    /// First byte in the original text (UTF-8).
    start: u32,
    /// One past the last byte.
    end: u32,
    /// How sure, from 0 to 1.
    score: f32,
}

impl<'a> From<&'a Receipt> for ReceiptView<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        Self {
            installation: receipt.installation,
            plugin: &receipt.plugin,
            version: &receipt.version,
            digest: &receipt.digest,
            config_digest: &receipt.config_digest,
            verdict: receipt.verdict.as_str(),
            reason: receipt.reason.as_ref().map(Into::into),
            findings: receipt.findings.iter().map(Into::into).collect(),
            failure: match &receipt.outcome {
                Outcome::Decided => None,
                Outcome::Failed { code } => Some(code),
            },
            took_us: receipt.took_us,
            rescan: receipt.rescan,
        }
    }
}

impl<'a> From<&'a Finding> for FindingView<'a> {
    fn from(finding: &'a Finding) -> Self {
        let Finding { label, rule, start, end, score } = finding;
        Self { label, rule, start: *start, end: *end, score: *score }
    }
}
