//! Keeps backups in a folder of the host's disk that the operator named: a NAS, a second disk. The host puts
//! files there whole, and keeps tenants apart; this plugin only says which folder.

use serde::Deserialize;
use sink_kit::Prefix;
use warbler_sdk::folders::{self, Error};
use warbler_sdk::{BackupSink, BlobInfo, Failure, Plugin};

/// When to try again after the disk failed, in milliseconds.
const WAIT_MS: u64 = 5_000;

/// The fields of the configuration as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    folder: String,
    #[serde(default)]
    prefix: String,
}

/// The plugin: which folder, and where in it.
pub struct BackupDir {
    folder: String,
    prefix: Prefix,
}

impl Plugin for BackupDir {
    fn init(config: &str) -> Result<Self, String> {
        let fields: Fields = warbler_sdk::config::parse(config)?;
        if fields.folder.is_empty() || fields.folder.len() > 64 {
            return Err("`folder` must be 1 to 64 bytes: the name that the operator gave to a folder".into());
        }
        Ok(Self { folder: fields.folder, prefix: Prefix::parse(&fields.prefix)? })
    }
}

impl BackupSink for BackupDir {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        folders::put(&self.folder, &self.prefix.join(name), bytes).map_err(failure)
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        folders::get(&self.folder, &self.prefix.join(name), offset, length).map_err(failure)
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        let after = after.map(|after| self.prefix.join(after));
        let listed = folders::list(&self.folder, &self.prefix.join(prefix), after.as_deref()).map_err(failure)?;
        let blob = |file: folders::FileInfo| {
            let name = self.prefix.strip(&file.name)?.to_owned();
            Some(BlobInfo { name, size: file.size })
        };
        Ok(listed.into_iter().filter_map(blob).collect())
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        folders::delete(&self.folder, &self.prefix.join(name)).map_err(failure)
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::NoFolder(why) => Failure::Misconfigured(why),
        Error::NoRoom => Failure::Misconfigured("the folder's disk has no room left".into()),
        // Among them that the operator's limit is reached, which the words name.
        Error::Refused(why) => Failure::Unsupported(why),
        Error::Unavailable => Failure::Unavailable(WAIT_MS),
    }
}

warbler_sdk::export!(BackupDir: BackupSink);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_sdk::testing::Host;

    use super::*;

    #[test]
    fn blobs_lie_below_the_prefix_and_are_listed_without_it() {
        let _host = Host::new().with_folder("nas").start();
        let sink = BackupDir::init(r#"{"folder": "nas", "prefix": "acme"}"#).unwrap();
        sink.put("data/1", b"abc").unwrap();
        assert_eq!(folders::get("nas", "acme/data/1", 0, 9), Ok(Some(b"abc".to_vec())));
        assert_eq!(sink.get("data/1", 1, 1), Ok(Some(b"b".to_vec())));
        let listed = sink.list("data/", None).unwrap();
        assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].size), (1, "data/1", 3));
        assert!(sink.list("data/", Some("data/1")).unwrap().is_empty());
        sink.delete("data/1").unwrap();
        assert_eq!(sink.get("data/1", 0, 9), Ok(None));
    }

    #[test]
    fn a_folder_that_the_operator_did_not_name_is_for_a_person_to_mend() {
        let _host = Host::new().start();
        let sink = BackupDir::init(r#"{"folder": "nas"}"#).unwrap();
        assert!(matches!(sink.put("a", b""), Err(Failure::Misconfigured(why)) if why.contains("nas")));
    }

    #[test]
    fn a_mistake_in_the_configuration_is_named() {
        for (config, mistake) in [
            ("{}", "missing field `folder`"),
            (r#"{"folder": ""}"#, "`folder` must be"),
            (r#"{"folder": "a", "prefix": ".."}"#, "`prefix` must be"),
        ] {
            assert!(BackupDir::init(config).err().unwrap().contains(mistake));
        }
    }
}
