//! The other records of a version, family by family.

use std::collections::VecDeque;

use warbler_domain::{BackupEntry, BackupError, StateKey};

use super::super::layout::{FAMILIES, PART, RecordLine, records_path};
use super::{Ground, whole};
use crate::records;

/// A walk through the families.
#[derive(Default)]
pub(super) struct RecordsWalk {
    family: usize,
    part: u32,
    after: Option<StateKey>,
}

impl RecordsWalk {
    /// Makes the next file ready; whether there are no more.
    pub(super) async fn advance(
        &mut self,
        ground: &Ground,
        ready: &mut VecDeque<BackupEntry>,
    ) -> Result<bool, BackupError> {
        let Some(family) = FAMILIES.get(self.family) else { return Ok(true) };
        let prefix = records::under(family, &[]);
        let mut lines = Vec::new();
        let mut is_last = false;
        while lines.len() < PART && !is_last {
            let state = &ground.core.ports.state;
            let page = state.scan(&ground.scope, &prefix, self.after.as_ref(), records::SCAN).await?;
            is_last = page.len() < records::SCAN;
            for (key, kept) in page {
                // All of these families hold JSON.
                let Ok(value) = serde_json::from_slice(&kept.value) else {
                    return Err(BackupError::Internal { text: format!("the record {key:?} is no JSON") });
                };
                let line = RecordLine { key: key.as_str().to_owned(), value };
                serde_json::to_writer(&mut lines, &line)
                    .map_err(|_| BackupError::Internal { text: "writing a record".to_owned() })?;
                lines.push(b'\n');
                self.after = Some(key);
            }
        }
        if !lines.is_empty() {
            self.part += 1;
            ready.push_back(whole(records_path(family, self.part), lines, ground.now));
        }
        if is_last {
            *self = Self { family: self.family + 1, ..Self::default() };
        }
        Ok(false)
    }
}
