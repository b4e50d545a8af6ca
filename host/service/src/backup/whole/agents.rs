//! What agents work with: the agents themselves, their tool servers, the documents that they look things up in, and who
//! has which support conversation.

use warbler_domain::{BackupError, StateWrite, StoreError, TenantScope};

use super::super::Inner;
use super::super::collect::ours;
use super::super::layout::source_path;
use super::super::read::{self, Records};
use super::super::restore::Restore;
use super::RestoreJob;
use crate::agents::{Back, KeptAgent, KeptDocument, KeptServer, room_left};
use crate::audit::{Actor, NewEntry};
use crate::records;

impl Inner {
    /// Brings all of it back. Tool servers come first, so that no agent misses one.
    pub(super) async fn agents(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        self.tool_servers(scope, restore, job).await?;
        self.documents(scope, restore, job).await?;
        job.support_cases += self.put_absent(scope, restore, "support").await?;
        let mut lines = Records::open(&restore.repository, &restore.version, "agent").await?;
        while let Some(line) = lines.next().await? {
            match KeptAgent::read(line.value) {
                Some(kept) => self.agent(scope, kept, job).await?,
                None => job.must(format!("make the agent again whose settings this host cannot read: {}", line.key)),
            }
        }
        Ok(())
    }

    async fn agent(&self, scope: &TenantScope, kept: KeptAgent, job: &mut RestoreJob) -> Result<(), BackupError> {
        let (state, user) = (&*self.core.ports.state, kept.user());
        // Without its account it is nobody.
        if state.get(scope, &records::account(user)).await?.is_none() {
            return Ok(());
        }
        let unknown = kept.unknown_model(state).await.map_err(ours)?.map(str::to_owned);
        let installation = job.placed(kept.installation());
        let Some(write) = kept.write(state, scope, installation).await.map_err(ours)? else { return Ok(()) };
        let told = NewEntry::new(Actor::Host, "agent.restore").subject("agent", &user);
        if !self.came_back(scope, write, told.subject("installation", &installation)).await? {
            return Ok(());
        }
        job.agents += 1;
        if let Some(model) = unknown {
            job.must(format!("the agent {user} uses the model {model}: ask the operator to set it up"));
        }
        Ok(())
    }

    async fn tool_servers(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let mut lines = Records::open(&restore.repository, &restore.version, "tool-server").await?;
        while let Some(line) = lines.next().await? {
            let name = line.key.rsplit('/').next().unwrap_or_default().to_owned();
            let Some(kept) = KeptServer::read(line.value) else {
                job.must(format!("set up the tool server {name} again: this host cannot read its settings"));
                continue;
            };
            let written = kept.write(&*self.core.ports.state, scope, &name).await.map_err(ours)?;
            let Some(write) = written else { continue };
            let told = NewEntry::new(Actor::Host, "tool-server.restore").detail("server", name.clone());
            if !self.came_back(scope, write, told).await? {
                continue;
            }
            job.tool_servers += 1;
            if kept.lacks_secret() {
                job.must(format!("set up the tool server {name} again with its secrets; until then it is not used"));
            } else if let Some(problem) = kept.refusal(&self.core.options.agents) {
                job.must(format!("look at the tool server {name}, which this host does not use: {problem}"));
            }
        }
        Ok(())
    }

    async fn documents(&self, scope: &TenantScope, restore: &Restore, job: &mut RestoreJob) -> Result<(), BackupError> {
        let state = &*self.core.ports.state;
        let mut room = room_left(state, scope).await.map_err(ours)?;
        let mut lines = Records::open(&restore.repository, &restore.version, "document").await?;
        while let Some(line) = lines.next().await? {
            if restore.progress.is_cancelled() {
                return Err(BackupError::Cancelled);
            }
            let Some(kept) = KeptDocument::read(line.value) else {
                job.must(format!("add the document again whose record this host cannot read: {}", line.key));
                continue;
            };
            let is_homeless = match kept.conversation() {
                Some(id) => self.core.room(scope, id).await.map_err(ours)?.is_none(),
                None => false,
            };
            if is_homeless || kept.is_there(state, scope).await? {
                continue;
            }
            let path = source_path(kept.sha256());
            let bytes = restore.repository.read(&restore.version, &path).await?;
            let Some(bytes) = bytes.filter(|_| room > 0) else {
                job.must(format!(
                    "add the document {} again: it is not in this version, or one too many",
                    kept.title()
                ));
                continue;
            };
            restore.progress.add_file();
            match kept.put(&self.core, scope, bytes).await {
                Ok(Back::Stands) => {}
                Ok(Back::Other) => {
                    let text = format!("{path} holds other bytes than its name says");
                    return Err(BackupError::Damaged { text });
                }
                Err(crate::ServiceError::Store(error)) => return Err(read::from_stream(error)),
                Err(error) => return Err(ours(error)),
            }
            (room, job.documents) = (room - 1, job.documents + 1);
            self.keep_job(scope, job).await?;
        }
        Ok(())
    }

    /// Commits what comes back, unless somebody was faster: then theirs stands.
    async fn came_back(&self, scope: &TenantScope, write: StateWrite, told: NewEntry) -> Result<bool, BackupError> {
        match self.core.audit.commit(scope, vec![write], told).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
