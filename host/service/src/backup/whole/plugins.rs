//! The installations of a tenant, with what they have stored. What is noted about each in the job is noted before it is
//! done, so that a restore that was cut short goes on with it.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warbler_domain::{BackupError, InstallationId, TenantScope};

use super::super::Inner;
use super::super::collect::ours;
use super::super::layout::package_path;
use super::super::read::{self, Records};
use super::super::restore::Restore;
use super::RestoreJob;
use super::job::Placed;
use crate::authentication::hex;
use crate::installation::{KeptInstallation, KeptValue};

/// Longest package that is brought back, in bytes: what a host takes at most.
const PACKAGE: u64 = 64 * 1024 * 1024;

impl Inner {
    /// Installations come back with configuration, grants, order and policies, with their package if it is in the
    /// version, and with what they had stored. They run as they did if nothing is missing; what is missing is said.
    pub(super) async fn installations(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let mut found = Records::open(&restore.repository, &restore.version, "plugin").await?;
        while let Some(line) = found.next().await? {
            // One that was never in use, or that a later host wrote, is left out.
            let Some(kept) = KeptInstallation::read(line.value) else { continue };
            self.installation(scope, restore, kept, job).await?;
        }
        // A plugin that runs finds what it had stored.
        self.values(scope, restore, job).await?;
        self.take_up(scope, job).await
    }

    async fn installation(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        kept: KeptInstallation,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let (state, was) = (&*self.core.ports.state, kept.id());
        let present = kept.present(state, scope).await.map_err(ours)?;
        let is_placed = job.plugins.iter().any(|placed| placed.was == was);
        if let Some(is) = present {
            if !is_placed {
                let is_filled = KeptValue::is_none(state, scope, is).await?;
                job.plugins.push(Placed { was, is, is_filled, runs: false, is_done: true });
                self.keep_job(scope, job).await?;
            }
            return Ok(());
        }
        if kept.is_sink() {
            self.hold_sinks(scope).await?;
        }
        let (name, secrets) = (kept.name(), kept.secrets());
        let package = self.package(restore, &kept.sha256()).await?;
        if !is_placed {
            let runs = kept.was_active() && package.is_some() && secrets.is_empty();
            job.plugins.push(Placed { was, is: was, is_filled: true, runs, is_done: false });
            job.installations += 1;
            if package.is_none() {
                job.must(format!("install the package of {name} again: it is not in this version"));
            }
            if !secrets.is_empty() {
                job.must(format!("enter the secrets of {name} again and activate it: {}", secrets.join(", ")));
            }
            self.keep_job(scope, job).await?;
        }
        kept.put(state, &self.core.ports.blobs, &self.core.audit, scope, package).await.map_err(ours)?;
        Ok(())
    }

    /// What plugins have stored. One that has stored something here keeps that alone: two states of a plugin's own are
    /// not one.
    async fn values(&self, scope: &TenantScope, restore: &Restore, job: &mut RestoreJob) -> Result<(), BackupError> {
        let mut found = Records::open(&restore.repository, &restore.version, "plugin-store").await?;
        while let Some(line) = found.next().await? {
            let damaged = || BackupError::Damaged { text: "what a plugin has stored cannot be read".to_owned() };
            let (was, value) = KeptValue::read(&line.key, line.value).ok_or_else(damaged)?;
            let Some(placed) = job.plugins.iter().find(|placed| placed.was == was && placed.is_filled) else {
                continue;
            };
            let put = value.put(&self.core.ports.state, scope, placed.is).await;
            let internal = |error| BackupError::Internal { text: format!("storing what a plugin has stored: {error}") };
            job.plugin_values += u64::from(put.map_err(internal)?);
        }
        Ok(())
    }

    /// Has those run that came back.
    async fn take_up(&self, scope: &TenantScope, job: &mut RestoreJob) -> Result<(), BackupError> {
        for at in 0..job.plugins.len() {
            let Some(placed) = job.plugins.get(at).filter(|placed| !placed.is_done).cloned() else { continue };
            if let Some(problem) = self.plugins.take_up(scope, placed.is, placed.runs).await {
                job.must(format!("look at the installation {}, which does not run: {problem}", placed.is));
            }
            if let Some(placed) = job.plugins.get_mut(at) {
                placed.is_done = true;
            }
            self.keep_job(scope, job).await?;
        }
        Ok(())
    }

    /// What the plugin of an installation of this tenant was called by in the version.
    pub(super) async fn same_plugin(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        installation: InstallationId,
    ) -> Result<Vec<InstallationId>, BackupError> {
        let mut lines = Records::open(&restore.repository, &restore.version, "plugin").await?;
        let mut found = Vec::new();
        while let Some(line) = lines.next().await? {
            let Some(kept) = KeptInstallation::read(line.value) else { continue };
            let present = kept.present(&*self.core.ports.state, scope).await.map_err(ours)?;
            if present == Some(installation) {
                found.push(kept.id());
            }
        }
        Ok(found)
    }

    /// A package of the version, if it is there.
    async fn package(&self, restore: &Restore, sha256: &str) -> Result<Option<Bytes>, BackupError> {
        let path = package_path(sha256);
        let Some(stream) = restore.repository.read(&restore.version, &path).await? else { return Ok(None) };
        let bytes = read::whole(stream, PACKAGE).await?;
        if hex(&Sha256::digest(&bytes).into()) != sha256 {
            return Err(BackupError::Damaged { text: format!("{path} holds other bytes than its name says") });
        }
        Ok(Some(bytes))
    }
}
