//! The other records of a version, family by family.

use std::collections::VecDeque;

use warbler_domain::{BackupEntry, BackupError, StateKey, Versioned};

use super::super::families::{Family, KEPT};
use super::super::layout::{PART, RecordLine, records_path};
use super::{Ground, whole};
use crate::records;

/// Records that are read at a time: the longest, of plugins, have 64 KiB.
const PAGE: usize = 64;

/// A walk through the families.
#[derive(Default)]
pub(super) struct RecordsWalk {
    family: usize,
    part: u32,
    /// Whether the record was read of which the family is the whole key.
    has_begun: bool,
    after: Option<StateKey>,
}

impl RecordsWalk {
    /// Makes the next file ready; whether there are no more.
    pub(super) async fn advance(
        &mut self,
        ground: &Ground,
        ready: &mut VecDeque<BackupEntry>,
    ) -> Result<bool, BackupError> {
        let Some(family) = KEPT.get(self.family) else { return Ok(true) };
        let (state, prefix) = (&ground.core.ports.state, records::under(family.name, &[]));
        let mut lines = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            let key = StateKey::new(family.name, &[]);
            if let Some(kept) = state.get(&ground.scope, &key).await? {
                write(&mut lines, family, &key, &kept)?;
            }
        }
        let mut is_last = false;
        while lines.len() < PART && !is_last {
            let page = state.scan(&ground.scope, &prefix, self.after.as_ref(), PAGE).await?;
            is_last = page.len() < PAGE;
            for (key, kept) in page {
                write(&mut lines, family, &key, &kept)?;
                self.after = Some(key);
            }
        }
        if !lines.is_empty() {
            self.part += 1;
            ready.push_back(whole(records_path(family.name, self.part), lines, ground.now));
        }
        if is_last {
            *self = Self { family: self.family + 1, ..Self::default() };
        }
        Ok(false)
    }
}

/// Writes the line of a record, if it is for versions.
fn write(lines: &mut Vec<u8>, family: &Family, key: &StateKey, kept: &Versioned) -> Result<(), BackupError> {
    let Some(value) = family.value(key, &kept.value)? else { return Ok(()) };
    let line = RecordLine { key: key.as_str().to_owned(), value };
    serde_json::to_writer(&mut *lines, &line)
        .map_err(|_| BackupError::Internal { text: "writing a record".to_owned() })?;
    lines.push(b'\n');
    Ok(())
}
