//! A host with many tenants, each with both bundled filters in a configuration of its own, so that none
//! shares its compiled code with another.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use warbler_benches::process;
use warbler_tests::client::Socket;
use warbler_tests::host::Host;
use warbler_tests::tenant::{self, Tenant};

/// Filters of each tenant.
const FILTERS: [&str; 2] = ["keyword-filter", "anti-fraud"];

/// Longer than an instance stays that nobody calls.
const UNTIL_IDLE: Duration = Duration::from_secs(65);

/// Sessions whose sockets are opened before any is weighed: they pay for what is shared, such as threads,
/// caches and the allocator's arenas.
const FIRST_SESSIONS: usize = 100;

/// Limits that many sockets and installations do not run into.
const LIMITS: &str = "
[limits]
sign_ins_burst = 100000
sign_ins_per_second = 100000
connections_per_session = 1000
";

/// The host and its tenants.
pub(crate) struct World {
    host: Host,
    folder: PathBuf,
    tenants: Vec<Tenant>,
}

impl World {
    pub(crate) async fn make(folder: &Path, tenants: usize) -> Result<Self> {
        println!("making {tenants} tenants");
        let host = Host::start(folder, LIMITS)?;
        tenant::trust(&host).await?;
        let mut made = Vec::with_capacity(tenants);
        for number in 0..tenants {
            let slug = format!("tenant-{number}");
            made.push(Tenant::make(&host, &slug, &slug, &[]).await?);
        }
        Ok(Self { host, folder: folder.to_owned(), tenants: made })
    }

    /// Installations of all tenants.
    pub(crate) fn plugins(&self) -> usize {
        self.tenants.len() * FILTERS.len()
    }

    pub(crate) async fn install(&self) -> Result<()> {
        for (number, tenant) in self.tenants.iter().enumerate() {
            let text = format!("the rules of tenant {number} do not allow this");
            let configs = [json!({"text": text}), json!({"trusted_hosts": [format!("{number}.example.com")]})];
            for (filter, config) in FILTERS.into_iter().zip(configs) {
                tenant.install_bundled(filter, json!({"config": config})).await?;
            }
        }
        Ok(())
    }

    /// The same world after a restart, and how many seconds it took from the process's start until the host
    /// listened, which is once all plugins run.
    pub(crate) async fn restart(self) -> Result<(Self, f64)> {
        self.host.stop()?;
        let began = Instant::now();
        let host = Host::start(&self.folder, LIMITS)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut tenants = Vec::with_capacity(self.tenants.len());
        for tenant in &self.tenants {
            tenants.push(Tenant::sign_in(&host, &tenant.slug, &[]).await?);
        }
        Ok((Self { host, folder: self.folder, tenants }, seconds))
    }

    /// Whether every plugin runs.
    pub(crate) async fn check(&self) -> Result<()> {
        for tenant in &self.tenants {
            let plugins = tenant.owner.get("/v1/admin/plugins").await?.with(200)?;
            let items = plugins.get("plugins").and_then(Value::as_array).context("no list of plugins")?;
            let active = items.iter().filter(|plugin| plugin.get("status") == Some(&json!("active")));
            ensure!(active.count() == FILTERS.len(), "{} does not run all its plugins: {plugins}", tenant.slug);
        }
        Ok(())
    }

    /// The host's private memory once no plugin was called for long.
    pub(crate) async fn settled(&self) -> Result<u64> {
        println!("waiting for {} s until idle instances are given up", UNTIL_IDLE.as_secs());
        tokio::time::sleep(UNTIL_IDLE).await;
        process::private_bytes(self.host.process())
    }

    /// The host's private memory for one session that says nothing.
    pub(crate) async fn idle_session_bytes(&self, sessions: usize) -> Result<u64> {
        let _first = self.connect(FIRST_SESSIONS).await?;
        let before = process::private_bytes(self.host.process())?;
        let sockets = self.connect(sessions).await?;
        let after = process::private_bytes(self.host.process())?;
        Ok(after.saturating_sub(before) / sockets.len() as u64)
    }

    async fn connect(&self, count: usize) -> Result<Vec<Socket>> {
        let mut sockets = Vec::with_capacity(count);
        for tenant in self.tenants.iter().cycle().take(count) {
            sockets.push(tenant.owner.connect(json!({})).await?);
        }
        Ok(sockets)
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.host.stop()
    }
}
