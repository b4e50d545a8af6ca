//! What a tenant has beside people and conversations: word lists, held messages, what people decided about notifications,
//! and the audit log of the host that it comes from. What is there stays as it is, so that doing it again changes nothing.

use std::collections::BTreeMap;

use warbler_domain::{BackupError, Expect, TenantScope};
use warbler_text::Entry;

use super::super::collect::ours;
use super::super::layout::Manifest;
use super::super::read::{self, Lines, Records, parsed};
use super::super::restore::Restore;
use super::RestoreJob;
use crate::audit::AuditEntry;
use crate::lexicon::BackedUpList;
use crate::messages::HeldKey;
use crate::records;
use crate::review::HeldRecord;

/// Audit entries that are taken in at a time.
const ENTRIES: usize = 1_000;

impl super::super::Inner {
    /// Brings all of it back.
    pub(super) async fn belongings(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        self.word_lists(scope, restore, job).await?;
        self.held(scope, restore, job).await?;
        job.push_settings += self.put_absent(scope, restore, "push-user").await?;
        self.old_audit_log(scope, restore, job).await
    }

    /// Word lists are sealed under names that mean nothing to another host, so that they are made anew.
    async fn word_lists(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let mut lists = BTreeMap::new();
        let mut metas = Records::open(&restore.repository, &restore.version, "lexicon").await?;
        while let Some(line) = metas.next().await? {
            let damaged = || BackupError::Damaged { text: "a word list cannot be read".to_owned() };
            let list = BackedUpList::read(&line.key, line.value).ok_or_else(damaged)?;
            lists.insert(list.words.clone(), list);
        }
        let mut words = Records::open(&restore.repository, &restore.version, "lexicon-words").await?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut under_way: Option<BackedUpList> = None;
        // The words of a list follow each other; those of an older generation belong to none.
        loop {
            let line = words.next().await?;
            let goes_on =
                line.as_ref().zip(under_way.as_ref()).is_some_and(|(line, list)| line.key.starts_with(&list.words));
            if !goes_on && let Some(list) = under_way.take() {
                let entries = std::mem::take(&mut entries);
                job.word_lists += u64::from(self.word_lists.bring_back(scope, &list, entries).await.map_err(ours)?);
            }
            let Some(line) = line else { break };
            if under_way.is_none() {
                let prefix = line.key.rsplit_once('/').map(|(prefix, _)| format!("{prefix}/"));
                under_way = prefix.and_then(|prefix| lists.remove(&prefix));
            }
            if under_way.is_some() {
                entries.append(&mut parsed(line)?);
            }
        }
        // A list may be empty.
        for list in lists.into_values() {
            job.word_lists += u64::from(self.word_lists.bring_back(scope, &list, Vec::new()).await.map_err(ours)?);
        }
        Ok(())
    }

    /// Messages that nobody decided about wait again.
    async fn held(&self, scope: &TenantScope, restore: &Restore, job: &mut RestoreJob) -> Result<(), BackupError> {
        let state = &*self.core.ports.state;
        let mut held = Records::open(&restore.repository, &restore.version, "held").await?;
        while let Some(line) = held.next().await? {
            let record: HeldRecord = parsed(line)?;
            let (id, conversation) = (record.id, record.conversation);
            let is_known = state.get(scope, &records::held(id)).await?.is_some()
                || state.get(scope, &records::decided(id)).await?.is_some()
                || self.core.ports.log.find(scope, conversation, &record.idempotency.into()).await?.is_some();
            let is_gone = restore.is_erased(id).await?
                || restore.erased_before.is_some_and(|before| record.held_at < before)
                || !restore.policy.may_return(record.held_at, restore.now);
            if is_known || is_gone || self.core.room(scope, conversation).await.map_err(ours)?.is_none() {
                continue;
            }
            let key = HeldKey { content: record.idempotency.content, id, rejected: None };
            let place = records::held_key(conversation, record.idempotency.key);
            let writes = vec![
                records::put(records::held(id), &record, Expect::Absent).map_err(ours)?,
                records::put(place, &key, Expect::Any).map_err(ours)?,
            ];
            state.commit(scope, writes).await?;
            job.held += 1;
        }
        Ok(())
    }

    /// The log of a tenant that this one is not becomes an archive; its own is here.
    async fn old_audit_log(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let Manifest { tenant: of, .. } = read::manifest(&*restore.repository, &restore.version).await?;
        if of != scope.tenant() {
            for file in read::file_names(&restore.repository, &restore.version, "audit").await? {
                let mut lines = Lines::open(&*restore.repository, &restore.version, &format!("audit/{file}")).await?;
                let mut entries: Vec<AuditEntry> = Vec::with_capacity(ENTRIES);
                while let Some(entry) = lines.next().await? {
                    entries.push(entry);
                }
                let archive = self.core.audit.archive(scope, of, &entries).await?;
                job.audit_entries = archive.entries;
                if let Some(broken) = archive.broken {
                    job.must(format!("the audit log in this version is not as it was written: {broken}"));
                    break;
                }
            }
        }
        // Those that had come back there come along.
        for family in ["audit-archive", "audit-archive-head"] {
            self.put_absent(scope, restore, family).await?;
        }
        Ok(())
    }
}
