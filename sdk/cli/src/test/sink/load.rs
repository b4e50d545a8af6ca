//! Loading a sink in the real runtime, with the limits that a host gives to sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use uuid::Uuid;
use warbler_domain::{
    BackupSink, HookLimits, InstallationId, Instances, LoadError, LoadRequest, PluginPorts, PluginRuntime, TenantId,
};
use warbler_package::{Limits, Package};
use warbler_runtime::{DiskFolders, Runtime, RuntimeKey, RuntimeOptions};

use super::SinkCase;
use crate::test::harness::grants;
use crate::test::ports::{Log, Secrets, Storage};

/// What the suite's host calls the only folder that its operator named.
const FOLDER: &str = "test";

/// What is tested, and what it is lent.
pub(super) struct Subject {
    package: Package,
    component: Bytes,
    pub(super) log: Arc<Log>,
    /// Holds compiled code, so that each further host takes no time.
    cache: tempfile::TempDir,
    /// The folder [`FOLDER`] of sinks that keep blobs on the host's disk.
    folder: tempfile::TempDir,
}

impl Subject {
    pub(super) fn new(component: Bytes) -> Result<Self> {
        let package = Package::read(&component, &Limits::default()).context("the package is refused")?;
        let temporary = || tempfile::tempdir().context("no temporary folder can be made");
        let (cache, folder) = (temporary()?, temporary()?);
        Ok(Self { package, component, log: Arc::default(), cache, folder })
    }

    /// A host that lets plugins reach `servers`, wherever they are, and waits for answers for so long.
    pub(super) fn host(&self, servers: BTreeSet<SocketAddr>, timeout: Option<Duration>) -> Result<Arc<Runtime>> {
        // The cache lives only as long as this program, so its key keeps nobody out.
        let mut options = RuntimeOptions::new(RuntimeKey::new([0; 32]));
        options.cache = Some(self.cache.path().to_owned());
        let folders = BTreeMap::from([(FOLDER.to_owned(), self.folder.path().to_owned())]);
        options.folders = Arc::new(DiskFolders::new(folders));
        options.pool.memory = HookLimits::backup_sink().memory;
        options.http.private_addresses = servers;
        options.http.timeout = timeout.unwrap_or(options.http.timeout);
        Runtime::new(options).context("the runtime cannot be started")
    }

    /// The sink in `host`, set up as `case` says.
    pub(super) async fn load(&self, host: &Runtime, case: &SinkCase) -> Result<Arc<dyn BackupSink>, LoadError> {
        self.load_with(host, case.config.to_string(), case).await
    }

    /// The sink in `host` with a configuration as text, which need not be JSON.
    pub(super) async fn load_with(
        &self,
        host: &Runtime,
        config: String,
        case: &SinkCase,
    ) -> Result<Arc<dyn BackupSink>, LoadError> {
        let asked = self.package.manifest().permissions.resolved(&case.config);
        let request = LoadRequest {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            installation: InstallationId::from_uuid(Uuid::now_v7()),
            component: self.component.clone(),
            digest: *self.package.digest().as_bytes(),
            config,
            grants: grants(&asked),
            limits: HookLimits::backup_sink(),
            instances: Instances::Warm,
            ports: PluginPorts {
                storage: Arc::new(Storage::default()),
                secrets: Arc::new(Secrets(case.secrets.clone())),
                log: self.log.clone(),
            },
        };
        host.load(request).await?.backup_sink().ok_or(LoadError::NoHook)
    }
}
