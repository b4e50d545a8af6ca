//! What a tenant has beside people and conversations, as it came back in a trial.

use std::collections::HashSet;

use warbler_domain::{BackupError, StateKey};

use super::super::super::collect::ours;
use super::super::super::read::{Records, parsed};
use super::Comparison;
use crate::agents::{KeptAgent, KeptDocument, KeptServer};
use crate::installation::{KeptInstallation, KeptValue};

impl Comparison<'_> {
    /// Compares all of it. What a later host wrote and this one cannot read is left out, as it is by a restore.
    pub(super) async fn belongings(&mut self) -> Result<(), BackupError> {
        for family in ["read", "support", "push-user"] {
            self.records(family).await?;
        }
        self.agents().await?;
        self.tool_servers().await?;
        self.documents().await?;
        self.plugin_values().await
    }

    async fn lines(&self, family: &str) -> Result<Records, BackupError> {
        Records::open(self.repository(), &self.restore.version, family).await
    }

    async fn records(&mut self, family: &str) -> Result<(), BackupError> {
        let mut lines = self.lines(family).await?;
        while let Some(line) = lines.next().await? {
            let key = StateKey::from_text(line.key);
            let found = self.scratch.core.ports.state.get(&self.restore.scope, &key).await?;
            let found = found.and_then(|kept| serde_json::from_slice::<serde_json::Value>(&kept.value).ok());
            self.report.records += 1;
            if found.as_ref() != Some(&line.value) {
                self.problem(format!("the record {} did not come back as it was", key.as_str()));
            }
        }
        Ok(())
    }

    async fn agents(&mut self) -> Result<(), BackupError> {
        let mut lines = self.lines("agent").await?;
        while let Some(line) = lines.next().await? {
            let Some(kept) = KeptAgent::read(line.value) else { continue };
            self.report.agents += 1;
            if !kept.stands(&*self.scratch.core.ports.state, &self.restore.scope).await.map_err(ours)? {
                self.problem(format!("the agent {} did not come back as it was", kept.user()));
            }
        }
        Ok(())
    }

    async fn tool_servers(&mut self) -> Result<(), BackupError> {
        let mut lines = self.lines("tool-server").await?;
        while let Some(line) = lines.next().await? {
            let name = line.key.rsplit('/').next().unwrap_or_default().to_owned();
            let Some(kept) = KeptServer::read(line.value) else { continue };
            self.report.tool_servers += 1;
            if !kept.stands(&*self.scratch.core.ports.state, &self.restore.scope, &name).await.map_err(ours)? {
                self.problem(format!("the tool server {name} did not come back as it was"));
            }
        }
        Ok(())
    }

    async fn documents(&mut self) -> Result<(), BackupError> {
        let mut lines = self.lines("document").await?;
        while let Some(line) = lines.next().await? {
            let Some(kept) = KeptDocument::read(line.value) else { continue };
            let ports = &self.scratch.core.ports;
            let stands = kept.stands(&*ports.state, &*ports.blobs, &self.restore.scope).await.map_err(ours)?;
            self.report.documents += 1;
            if !stands {
                self.problem(format!("the document {} did not come back as it was", kept.id()));
            }
        }
        Ok(())
    }

    async fn plugin_values(&mut self) -> Result<(), BackupError> {
        let (mut lines, mut installations) = (self.lines("plugin").await?, HashSet::new());
        while let Some(line) = lines.next().await? {
            installations.extend(KeptInstallation::read(line.value).map(|kept| kept.id()));
        }
        let mut lines = self.lines("plugin-store").await?;
        while let Some(line) = lines.next().await? {
            let key = line.key.clone();
            let value: serde_json::Value = parsed(line)?;
            // Of a plugin that was removed while the version was made, nothing comes back.
            let Some((id, kept)) = KeptValue::read(&key, value).filter(|(id, _)| installations.contains(id)) else {
                continue;
            };
            self.report.plugin_values += 1;
            let stands = kept.stands(&self.scratch.core.ports.state, &self.restore.scope, id).await;
            if !stands.is_ok_and(|stands| stands) {
                self.problem(format!("what the installation {id} has stored did not come back as it was"));
            }
        }
        Ok(())
    }
}
