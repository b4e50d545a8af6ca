//! The families of records that a tenant has: which are in a version and in which form, and which are not, and why. A test
//! holds that there is no other, so that nothing is left out because nobody thought of it.

use serde_json::Value;
use warbler_domain::{BackupError, StateKey};

use super::layout::ERASED;
use crate::agents::{KeptDocument, KeptServer};
use crate::installation::KeptValue;
use crate::push;

/// A family of records that is in versions.
pub(super) struct Family {
    /// Its name.
    pub(super) name: &'static str,
    form: Form,
}

/// How a record is written into a version.
#[derive(Clone, Copy)]
enum Form {
    /// As it is kept.
    Plain,
    /// Otherwise, or not at all: secrets stay away, and so do names that mean nothing to another host.
    Line(fn(&StateKey, &[u8]) -> Option<Value>),
}

impl Family {
    const fn plain(name: &'static str) -> Self {
        Self { name, form: Form::Plain }
    }

    const fn line(name: &'static str, line: fn(&StateKey, &[u8]) -> Option<Value>) -> Self {
        Self { name, form: Form::Line(line) }
    }

    /// A record as a version has it; nothing if it is not for versions.
    pub(super) fn value(&self, key: &StateKey, record: &[u8]) -> Result<Option<Value>, BackupError> {
        match self.form {
            Form::Line(line) => Ok(line(key, record)),
            Form::Plain => serde_json::from_slice(record)
                .map(Some)
                .map_err(|_| BackupError::Internal { text: format!("the record {key:?} is no JSON") }),
        }
    }
}

/// The families that are in versions, in the order of their names.
pub(super) const KEPT: &[Family] = &[
    Family::plain("account"),
    Family::plain("agent"),
    Family::plain("attachment"),
    Family::plain("audit-archive"),
    Family::plain("audit-archive-head"),
    Family::plain("backup-policy"),
    Family::line("document", |_, record| KeptDocument::line(record)),
    Family::plain(ERASED),
    Family::plain("held"),
    Family::plain("lexicon"),
    Family::plain("lexicon-words"),
    Family::plain("plugin"),
    Family::line("plugin-store", |_, record| KeptValue::line(record)),
    Family::plain("push-policy"),
    Family::line("push-user", push::addressee_line),
    Family::plain("read"),
    Family::plain("sent-in"),
    Family::plain("support"),
    Family::line("tool-server", |_, record| KeptServer::line(record)),
];

/// The families whose content is in other files of a version, and in which.
#[cfg(test)]
const ELSEWHERE: &[(&str, &str)] = &[
    ("audit", "the folder `audit`"),
    ("conversation", "the folder `index`"),
    ("retention", "the manifest, as the time before which messages were erased"),
    ("tenant", "the manifest, with the tenant's name and policy"),
];

/// The families that are in no version, and why.
#[cfg(test)]
const LEFT_OUT: &[(&str, &str)] = &[
    ("agent-reply", "guards a reply that is being written by this host"),
    ("amended", "guards changes against each other; made anew with the events"),
    ("approval", "a question lives for 280 seconds at most and dies with the reply that asked; its message stays"),
    ("audit-head", "the new host begins a log of its own"),
    ("backup-dirty", "what this host has to read again"),
    ("backup-host", "the name of this host"),
    ("backup-key", "a wrapped key never lies in the repository that it opens"),
    ("backup-key-next", "of the repository to which this host changes; likewise"),
    ("backup-ledger", "what this host did"),
    ("backup-mirror", "how sinks stood, as this host saw them; found out anew"),
    ("backup-parts", "what this host has read; found out anew"),
    ("backup-restore", "what this host brought back"),
    ("consumer", "places in a log whose positions mean nothing to another host"),
    ("decided", "answers a moderator's second attempt; what was decided is in the audit log"),
    ("direct", "made anew with the conversations"),
    ("held-key", "made anew with the held messages"),
    ("login", "sealed names; made anew with the accounts"),
    ("member", "made anew with the conversations"),
    ("model", "the operator's"),
    ("model-budget", "the operator's"),
    ("model-use", "counts of one day"),
    ("owners", "the owner of a restored tenant is whoever restores it"),
    ("plugin-secret", "secrets are entered again"),
    ("plugin-store-used", "counted anew with the values"),
    ("push-address", "addresses of devices are bound to sessions"),
    ("push-dead", "notifications to devices that are bound anew"),
    ("push-job", "notifications to devices that are bound anew"),
    ("push-story", "what became of notifications, for a week"),
    ("retention-cursor", "how far this host has looked; found out anew"),
    ("session", "nobody stays signed in"),
    ("slug", "sealed names; the operator gives a tenant its own"),
    ("token", "nobody stays signed in"),
    ("trust", "the operator's"),
    ("trust-narrowing", "the operator's"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The value of a constant in a file that a test does not see.
    fn constant(text: &str, name: &str) -> Option<String> {
        let (_, rest) = text.split_once(&format!("const {name}: &str = \""))?;
        Some(rest.split_once('"')?.0.to_owned())
    }

    /// The families of all keys that a file makes, with what could not be told.
    fn families(text: &str) -> Vec<Result<String, String>> {
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let calls = text.match_indices("StateKey::new(").map(|(at, call)| text.split_at(at + call.len()).1);
        // One that is defined here may be used elsewhere.
        let defined = constant(text, "FAMILY").map(Ok);
        let used = calls.map(|rest| {
            let argument = rest.split([',', ')']).next().unwrap_or_default().trim();
            let literal = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            literal.map(str::to_owned).or_else(|| constant(text, argument)).ok_or_else(|| argument.to_owned())
        });
        used.chain(defined).collect()
    }

    #[test]
    fn every_family_of_records_is_in_versions_or_left_out_on_purpose() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = Vec::new();
        // Of the store only what consumers remember: it keeps what others give it.
        for room in ["service/src", "server/src", "knowledge/src", "models/src", "http/src", "store/src/consumer"] {
            sources(&host.join(room), &mut files);
        }
        let is_test = |path: &Path| path.to_string_lossy().contains("/tests") || path.ends_with("world.rs");
        let mut made = BTreeMap::new();
        for path in files.iter().filter(|path| !is_test(path)) {
            for family in families(&fs::read_to_string(path).unwrap()) {
                match family {
                    Ok(family) => drop(made.insert(family, path.clone())),
                    // Of those that come in from elsewhere it is seen there what they are.
                    Err(argument) if ["FAMILY", "family", "family.name"].contains(&argument.as_str()) => {}
                    Err(argument) => panic!("{} makes keys of a family {argument} that cannot be told", path.display()),
                }
            }
        }
        let kept = KEPT.iter().map(|family| (family.name, "is in versions"));
        let listed: Vec<_> = kept.chain(ELSEWHERE.iter().copied()).chain(LEFT_OUT.iter().copied()).collect();
        for (family, path) in &made {
            let times = listed.iter().filter(|(name, _)| name == family).count();
            assert_eq!(times, 1, "{}: say of the family {family} whether it is in versions, once", path.display());
        }
        for (name, reason) in listed {
            assert!(made.contains_key(name), "nothing makes records of the family {name}");
            assert!(!reason.is_empty(), "{name} has no reason");
        }
    }

    #[test]
    fn a_family_is_seen_by_its_name_by_a_constant_and_not_at_all_if_it_is_hidden() {
        let text = "const DOGS: &str = \"dog\";\nStateKey::new(\"cat\", &[&id]); StateKey::new(DOGS, &[]); \
                    StateKey::new(\n    hidden, &[])";
        let (cat, dog) = (Ok("cat".to_owned()), Ok("dog".to_owned()));
        assert_eq!(families(text), [cat, dog, Err("hidden".to_owned())]);
    }

    #[test]
    fn families_stand_in_the_order_in_which_their_files_are_written() {
        let paths = KEPT.iter().map(|family| super::super::layout::records_path(family.name, 1));
        assert!(paths.is_sorted(), "a version's files go in the order of their paths");
    }
}
