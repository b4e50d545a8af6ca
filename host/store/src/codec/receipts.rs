//! Receipts as they are stored with an event. What all receipts of one version of an installation
//! share, its origin, stands in a record of its own, once per tenant; a receipt names it by a digest.
//! Where those records are kept is the work of `origins`.

use std::io::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use warbler_domain::{Finding, InstallationId, Outcome, Reason, Receipt, StoreError, Strength};

use super::event::Find;
use super::origins::{Named, Names};
use crate::seal::Draft;

/// Most receipts of one event. They grow by one per filter and scan, and by edits.
const RECEIPTS: u16 = u16::MAX;

/// A receipt of a filter that let the message pass and had nothing to say: its time follows.
const PLAIN: u8 = 0;
/// Any other: its length and JSON follow.
const SAID: u8 = 1;

/// Names an origin: the first half of SHA-256 over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OriginId(pub(crate) [u8; 16]);

/// Whose receipt it is: a version of a plugin with one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    installation: InstallationId,
    plugin: Arc<str>,
    version: Arc<str>,
    digest: Arc<str>,
    config_digest: Arc<str>,
}

impl Origin {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        Self {
            installation: receipt.installation,
            plugin: receipt.plugin.clone(),
            version: receipt.version.clone(),
            digest: receipt.digest.clone(),
            config_digest: receipt.config_digest.clone(),
        }
    }

    pub(crate) fn is_of(&self, receipt: &Receipt) -> bool {
        self.installation == receipt.installation
            && self.digest == receipt.digest
            && self.config_digest == receipt.config_digest
            && self.plugin == receipt.plugin
            && self.version == receipt.version
    }

    /// The same for equal origins, and different for different ones.
    pub(crate) fn id(&self) -> OriginId {
        let mut hasher = Context::new(&SHA256);
        for part in [
            self.installation.as_bytes().as_slice(),
            self.plugin.as_bytes(),
            self.version.as_bytes(),
            self.digest.as_bytes(),
            self.config_digest.as_bytes(),
        ] {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part);
        }
        let mut id = [0; 16];
        id.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
        OriginId(id)
    }

    /// Its record, before it is sealed.
    pub(crate) fn draft(&self) -> Result<Draft, StoreError> {
        let mut draft = Draft::with_capacity(256);
        serde_json::to_writer(&mut draft, self).map_err(|error| failed(error.into()))?;
        Ok(draft)
    }

    /// Reads its record.
    pub(crate) fn read(plain: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(plain).map_err(|_| CORRUPT)
    }

    fn receipt(&self, said: Said) -> Receipt {
        Receipt {
            installation: self.installation,
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            config_digest: self.config_digest.clone(),
            verdict: said.verdict,
            reason: said.reason,
            findings: said.findings,
            outcome: said.outcome,
            took_us: said.took_us,
            rescan: said.rescan,
        }
    }
}

/// What differs from receipt to receipt.
#[derive(Deserialize)]
struct Said {
    verdict: Strength,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(flatten)]
    outcome: Outcome,
    took_us: u64,
    #[serde(default)]
    rescan: bool,
}

/// The same, as it is written.
#[derive(Serialize)]
struct Saying<'a> {
    verdict: Strength,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    findings: &'a [Finding],
    #[serde(flatten)]
    outcome: &'a Outcome,
    took_us: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rescan: bool,
}

/// Writes receipts, and adds the origins that they name to `origins`.
pub(super) fn write(
    draft: &mut Draft,
    receipts: &[Receipt],
    names: &Names,
    origins: &mut Vec<Arc<Named>>,
) -> Result<(), StoreError> {
    let too_many = StoreError::TooLarge { limit: u64::from(RECEIPTS) };
    let count = u16::try_from(receipts.len()).map_err(|_| too_many)?;
    put(draft, &count.to_be_bytes())?;
    for receipt in receipts {
        let origin = names.of(receipt);
        put(draft, &origin.id.0)?;
        if origins.iter().all(|other| other.id != origin.id) {
            origins.push(origin);
        }
        match plain(receipt) {
            Some(took_us) => {
                put(draft, &[PLAIN])?;
                put(draft, &took_us.to_be_bytes())?;
            }
            None => write_said(draft, receipt)?,
        }
    }
    Ok(())
}

/// The time of a receipt that says nothing else.
fn plain(receipt: &Receipt) -> Option<u32> {
    let is_plain = receipt.verdict == Strength::Pass
        && receipt.outcome == Outcome::Decided
        && receipt.reason.is_none()
        && receipt.findings.is_empty()
        && !receipt.rescan;
    if is_plain { u32::try_from(receipt.took_us).ok() } else { None }
}

fn write_said(draft: &mut Draft, receipt: &Receipt) -> Result<(), StoreError> {
    let said = Saying {
        verdict: receipt.verdict,
        reason: receipt.reason.as_ref(),
        findings: &receipt.findings,
        outcome: &receipt.outcome,
        took_us: receipt.took_us,
        rescan: receipt.rescan,
    };
    let said = serde_json::to_vec(&said).map_err(|error| failed(error.into()))?;
    let length = u32::try_from(said.len()).map_err(|_| StoreError::TooLarge { limit: super::event::LIMIT })?;
    put(draft, &[SAID])?;
    put(draft, &length.to_be_bytes())?;
    put(draft, &said)
}

/// Reads receipts, and gives what follows them. `find` knows the origins.
pub(super) fn read<'a>(bytes: &'a [u8], find: &Find<'_>) -> Result<(Vec<Receipt>, &'a [u8]), StoreError> {
    let (count, mut rest) = bytes.split_first_chunk::<2>().ok_or(CORRUPT)?;
    let mut receipts = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (id, after) = rest.split_first_chunk::<16>().ok_or(CORRUPT)?;
        let ([form], after) = after.split_first_chunk::<1>().ok_or(CORRUPT)?;
        let (number, after) = after.split_first_chunk::<4>().ok_or(CORRUPT)?;
        let number = u32::from_be_bytes(*number);
        let (said, after) = match *form {
            PLAIN => (Said::pass(number), after),
            SAID => {
                let (said, after) = after.split_at_checked(number as usize).ok_or(CORRUPT)?;
                (serde_json::from_slice(said).map_err(|_| CORRUPT)?, after)
            }
            _ => return Err(CORRUPT),
        };
        rest = after;
        receipts.push(find(OriginId(*id))?.receipt(said));
    }
    Ok((receipts, rest))
}

impl Said {
    fn pass(took_us: u32) -> Self {
        Self {
            verdict: Strength::Pass,
            reason: None,
            findings: Vec::new(),
            outcome: Outcome::Decided,
            took_us: took_us.into(),
            rescan: false,
        }
    }
}

pub(super) const CORRUPT: StoreError = StoreError::Corrupt { what: "receipt" };

fn put(draft: &mut Draft, bytes: &[u8]) -> Result<(), StoreError> {
    draft.write_all(bytes).map_err(|error| failed(error.into()))
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Io { doing: "encoding a receipt", source }
}
