//! The lease of a repository: a blob beside it that says who works on it. The format itself has no locks that a sink
//! without compare-and-swap could keep, so that two hosts are told apart by a number that only grows, and two copies of
//! one host, who count alike, by a mark that each draws for every lease.
//!
//! A host writes both into its own state before it writes them into the sink. A greater number in the sink, or another
//! mark beside the same one, was therefore written by another host, or by a copy of this one. Two that write within
//! the same moment may both find their own lease at first; the one that is overwritten finds that out before it takes
//! anything away, and at the latest at the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warbler_domain::{BackupError, BackupSink, Timestamp};

use super::target::failed;

/// The name of the lease's blob; restic looks at none but its own.
pub(super) const NAME: &str = "warbler-lease";

/// How long a lease holds unless it is renewed: longer than any single call of a sink with its repetitions.
pub(super) const HOLDS: Duration = Duration::from_mins(10);

/// How often it is renewed.
pub(super) const RENEWED: Duration = Duration::from_mins(2);

/// Longest lease blob that is believed.
const LONGEST: u64 = 4_096;

/// Who works on a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    /// The host.
    pub(super) holder: String,
    /// Greater with every lease.
    pub(super) fence: u64,
    /// Drawn for every lease; hosts before this one's format had none.
    #[serde(default)]
    pub(super) mark: Option<Uuid>,
    /// Until when, unless it is renewed.
    pub(super) until: Timestamp,
}

/// The lease that stands in the sinks, if there is one; the latest, if they do not agree.
pub(super) async fn read(sinks: &[Arc<dyn BackupSink>]) -> Result<Option<Lease>, BackupError> {
    let mut found = Vec::new();
    let mut failure = None;
    for sink in sinks {
        match sink.get(NAME, 0, LONGEST).await {
            // One that cannot be read holds nobody back: it is written anew.
            Ok(bytes) => found.push(bytes.and_then(|bytes| serde_json::from_slice::<Lease>(&bytes).ok())),
            Err(error) => failure = Some(failed("reading the lease", error)),
        }
    }
    match failure {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found.into_iter().flatten().max_by_key(|lease| (lease.fence, lease.until))),
    }
}

/// The last lease that a host knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    pub(super) fence: u64,
    pub(super) mark: Option<Uuid>,
}

impl Known {
    /// Takes note of a lease of another host, unless it is older.
    pub(super) fn learn(&mut self, found: &Lease) {
        if found.fence >= self.fence {
            *self = Self { fence: found.fence, mark: found.mark };
        }
    }
}

/// Refuses a repository that another host works on.
pub(super) fn is_free(found: Option<&Lease>, holder: &str, now: Timestamp) -> Result<(), BackupError> {
    match found {
        Some(found) if found.holder != holder && found.until > now => {
            Err(BackupError::Held { holder: found.holder.clone(), until: found.until })
        }
        _ => Ok(()),
    }
}

/// Refuses a repository that another host works on, or worked on since `known`.
pub(super) fn admit(found: Option<&Lease>, holder: &str, known: Known, now: Timestamp) -> Result<(), BackupError> {
    is_free(found, holder, now)?;
    let Some(found) = found else { return Ok(()) };
    if found.fence > known.fence || (found.fence == known.fence && found.mark != known.mark) {
        return Err(BackupError::Foreign { holder: found.holder.clone() });
    }
    Ok(())
}

/// Writes the lease to every sink that takes it, and makes sure that it is what stands there.
pub(super) async fn write(sinks: &[Arc<dyn BackupSink>], lease: &Lease) -> Result<(), BackupError> {
    let bytes = serde_json::to_vec(lease).map_err(|_| BackupError::Internal { text: "writing a lease".to_owned() })?;
    let bytes = Bytes::from(bytes);
    let (mut taken, mut failure) = (0, None);
    for sink in sinks {
        match sink.put(NAME, bytes.clone()).await {
            Ok(()) => taken += 1,
            Err(error) => failure = Some(failed("writing the lease", error)),
        }
    }
    match failure {
        Some(error) if taken == 0 => Err(error),
        _ => verify(sinks, lease).await,
    }
}

/// Whether the lease is still the one that was written.
pub(super) async fn verify(sinks: &[Arc<dyn BackupSink>], lease: &Lease) -> Result<(), BackupError> {
    match read(sinks).await? {
        Some(found) if (&found.holder, found.fence, found.mark) == (&lease.holder, lease.fence, lease.mark) => Ok(()),
        Some(found) => Err(BackupError::Held { holder: found.holder, until: found.until }),
        None => Err(BackupError::Untrue { text: "it does not keep the lease".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_is_refused_while_it_holds_and_found_out_afterwards() {
        let at = Timestamp::from_millis;
        let [mark, another] = [1, 2].map(|number| Some(Uuid::from_u128(number)));
        let other = Lease { holder: "other".into(), fence: 7, mark, until: at(1_000) };
        let admit = |me, fence, mark, now| admit(Some(&other), me, Known { fence, mark }, at(now));
        assert!(super::admit(None, "me", Known::default(), at(1)).is_ok());
        assert!(matches!(admit("me", 9, mark, 999), Err(BackupError::Held { .. })));
        assert!(matches!(admit("me", 6, mark, 1_001), Err(BackupError::Foreign { .. })));
        assert!(admit("me", 7, mark, 1_001).is_ok());
        // A copy of this host has its name, but not its number, or not its mark.
        assert!(matches!(admit("other", 6, mark, 1), Err(BackupError::Foreign { .. })));
        assert!(matches!(admit("other", 7, another, 1), Err(BackupError::Foreign { .. })));
        assert!(admit("other", 7, mark, 1).is_ok());
        // A number that was taken and could not be written leaves the one before.
        assert!(admit("other", 8, another, 1).is_ok());
    }
}
