//! {{name}}: keeps backups in the plugin's own storage on the host, in parts. A start for a sink of your own, which
//! keeps them elsewhere: what a host relies on stays the same.
//!
//! A blob is there once its head is: the parts are written first, under a number of their own, and the head, which
//! names them, last. So a blob is kept whole or not at all, and writing it again never harms the one that is there.

use serde::{Deserialize, Serialize};
use warbler_sdk::{BackupSink, BlobInfo, Failure, Plugin, config, storage, system};

/// Most names in one listing, as the contract says.
const LISTED: u32 = 1_000;
/// Longest name: a key of the storage has 256 bytes, and a head's begins with one of its own.
const NAME: usize = 255;

/// The tenant's configuration; `manifest.json` has its schema.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Bytes that are stored as one value.
    part_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        // The longest value that a host takes.
        Self { part_bytes: 64 * 1024 }
    }
}

/// What is known of a blob.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The number under which its parts are kept.
    number: String,
    /// Its length.
    size: u64,
    /// The length of each part but the last.
    part: u64,
}

/// The sink, ready to keep blobs.
struct Sink {
    part: usize,
}

impl Plugin for Sink {
    fn init(config: &str) -> Result<Self, String> {
        let Config { part_bytes } = config::parse(config)?;
        if !(1_024..=65_536).contains(&part_bytes) {
            return Err("`part_bytes` must be 1,024 to 65,536".to_owned());
        }
        Ok(Self { part: part_bytes })
    }
}

impl BackupSink for Sink {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        if name.is_empty() || name.len() > NAME {
            return Err(Failure::Unsupported(format!("a name must have 1 to {NAME} bytes")));
        }
        let before = head(name)?;
        let number =
            format!("{:016x}", system::random(8).iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)));
        let now = Head { number, size: length(bytes), part: self.part as u64 };
        for (at, part) in bytes.chunks(self.part).enumerate() {
            if let Err(full) = storage::set(&part_key(&now.number, at as u64), part) {
                forget_parts(&now);
                return Err(Failure::Unsupported(full));
            }
        }
        let kept = serde_json::to_vec(&now).map_err(|error| Failure::Unsupported(error.to_string()))?;
        storage::set(&head_key(name), &kept).map_err(|full| {
            forget_parts(&now);
            Failure::Unsupported(full)
        })?;
        if let Some(before) = before {
            forget_parts(&before);
        }
        Ok(())
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        let Some(head) = head(name)? else { return Ok(None) };
        let end = head.size.min(offset.saturating_add(length));
        let mut bytes = Vec::with_capacity(usize::try_from(end.saturating_sub(offset)).unwrap_or_default());
        let mut at = offset;
        while at < end {
            let (number, from) = (at / head.part, at % head.part);
            let part = storage::get(&part_key(&head.number, number));
            // Another instance put or deleted the blob meanwhile: the host asks again, and finds what is there then.
            let part = part.ok_or(Failure::Unavailable(100))?;
            let to = (head.part * number + head.part).min(end) - head.part * number;
            let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
            let wanted = range.and_then(|(from, to)| part.get(from..to)).ok_or(Failure::Unavailable(100))?;
            bytes.extend_from_slice(wanted);
            at += to - from;
        }
        Ok(Some(bytes))
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        let after = after.map(head_key);
        let mut listed = Vec::new();
        for key in storage::keys(&head_key(prefix), after.as_deref(), LISTED) {
            let name = key.strip_prefix('=').unwrap_or_default();
            if let Some(head) = head(name)? {
                listed.push(BlobInfo { name: name.to_owned(), size: head.size });
            }
        }
        Ok(listed)
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        if let Some(head) = head(name)? {
            storage::delete(&head_key(name));
            forget_parts(&head);
        }
        Ok(())
    }
}

fn head_key(name: &str) -> String {
    format!("={name}")
}

fn part_key(number: &str, at: u64) -> String {
    format!("#{number}/{at}")
}

fn head(name: &str) -> Result<Option<Head>, Failure> {
    let Some(kept) = storage::get(&head_key(name)) else { return Ok(None) };
    serde_json::from_slice(&kept)
        .map(Some)
        .map_err(|error| Failure::Misconfigured(format!("a head is broken: {error}")))
}

fn forget_parts(head: &Head) {
    for at in 0..head.size.div_ceil(head.part) {
        storage::delete(&part_key(&head.number, at));
    }
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

warbler_sdk::export!(Sink: BackupSink);

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_sdk::testing::Host;

    fn sink() -> Sink {
        Sink::init(r#"{"part_bytes": 1024}"#).unwrap()
    }

    #[test]
    fn a_blob_comes_out_as_it_went_in_from_anywhere() {
        let _host = Host::new().start();
        let bytes: Vec<u8> = (0..5_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        sink().put("a/1", &bytes).unwrap();
        for (from, length) in [(0, 5_000), (0, 9_999), (1_023, 2), (1_024, 1_024), (4_999, 1), (5_000, 1), (9_999, 1)] {
            let end = bytes.len().min(from + length);
            let expected = bytes.get(from..end).unwrap_or_default();
            assert_eq!(sink().get("a/1", from as u64, length as u64).unwrap().as_deref(), Some(expected), "{from}");
        }
        assert_eq!(sink().get("a/2", 0, 1).unwrap(), None);
    }

    #[test]
    fn what_is_written_again_leaves_nothing_of_the_old_behind() {
        let _host = Host::new().start();
        for size in [3_000, 10] {
            sink().put("a", &vec![7; size]).unwrap();
        }
        assert_eq!(storage::keys("#", None, 100).len(), 1);
        let names: Vec<_> = sink().list("", None).unwrap().into_iter().map(|blob| (blob.name, blob.size)).collect();
        assert_eq!(names, [("a".to_owned(), 10)]);
        sink().delete("a").unwrap();
        sink().delete("a").unwrap();
        assert_eq!(storage::keys("", None, 100), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_is_not_kept_in_part() {
        let _host = Host::new().with_quota(4_000).start();
        assert!(sink().put("a", &[7; 5_000]).is_err());
        assert_eq!(storage::keys("", None, 100), Vec::<String>::new());
    }
}
