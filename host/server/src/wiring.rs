//! Wiring: store, runtime, service and API, made from the configuration and put together.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use warbler_backup::ResticRepositories;
use warbler_domain::{ByteSize, MessageLimits, RandomIds, SystemClock};
use warbler_http::{Api, ApiOptions};
use warbler_knowledge::{KnowledgeBase, KnowledgeOptions, PdfReader};
use warbler_mail::{Relays, Security};
use warbler_models::{McpClient, McpOptions, OpenAiClient};
use warbler_runtime::{DiskFolders, HttpOptions, Pool, Runtime, RuntimeKey, RuntimeOptions};
use warbler_service::{
    AgentOptions, AgentPorts, Options, PasswordCost, PluginOptions, Ports, Rate, RateLimits, Service,
};
use warbler_store::{Location, Store, StoreOptions, TemporaryStores};

use crate::config::{self, Config};

/// How often Prometheus' histograms are brought up to date, as its exporter asks for.
const UPKEEP: Duration = Duration::from_secs(5);

/// Everything of a running host.
pub(crate) struct Host {
    store: Arc<Store>,
    service: Service,
    api: Api,
}

impl Host {
    /// Opens the store, starts the runtime and the service, and loads what tenants have installed.
    ///
    /// # Errors
    /// A secret cannot be read, the store does not open, or the runtime cannot reserve its memory.
    pub(crate) async fn open(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<Self> {
        let store_options = store_options(config)?;
        let opened = tokio::task::spawn_blocking(move || Store::open(&store_options)).await?;
        let store = opened.context("the store does not open")?;
        // After the store, which no other host can hold now.
        let scratch = match &config.store {
            config::Store::Sled(folder) => TemporaryStores::in_folder(folder.join("scratch"))
                .context("what a trial of a restore left behind cannot be removed")?,
            config::Store::Memory => TemporaryStores::in_memory(),
        };
        let runtime = Runtime::new(runtime_options(config)?).context("the plugin runtime does not start")?;
        let backups = Arc::new(ResticRepositories::default());
        let ports = Ports { agents: agent_ports(config)?, ..Ports::over(&store, runtime, backups, Arc::new(scratch)) };
        let plugins = PluginOptions::new(env!("CARGO_PKG_VERSION").parse()?);
        let service =
            Service::start(ports, service_options(config)?, plugins).await.context("the service does not start")?;
        let api = Api::new(service.clone(), Arc::new(RandomIds), api_options(config, metrics));
        Ok(Self { store, service, api })
    }

    /// The API.
    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }

    /// The API's router.
    pub(crate) fn router(&self) -> Router {
        warbler_http::router(self.api.clone())
    }

    /// Finishes what was begun, and lets go of the disk.
    pub(crate) async fn close(self) {
        self.service.close().await;
        self.store.close().await;
    }
}

/// What agents work with beside their plugins.
///
/// # Errors
/// TLS cannot be set up, or the host does not know where its own program is.
fn agent_ports(config: &Config) -> anyhow::Result<AgentPorts> {
    let agents = &config.agents;
    let models = OpenAiClient::new(Arc::new(SystemClock), Arc::new(RandomIds))?;
    let tools = McpClient::with_options(McpOptions { private_hosts: agents.tool_hosts.iter().cloned().collect() });
    // A PDF is read by a process of its own, which a hostile file may end.
    let program = std::env::current_exe().context("the host's own program cannot be found")?;
    let pdf = PdfReader::Program { program, arguments: vec!["read-pdf".into()] };
    let max_document = ByteSize(agents.document_bytes);
    let knowledge = KnowledgeBase::with_options(KnowledgeOptions { max_document, pdf, ..KnowledgeOptions::default() });
    Ok(AgentPorts { models: Arc::new(models), tools: Arc::new(tools), knowledge: Arc::new(knowledge) })
}

/// What the store is opened with.
///
/// # Errors
/// The master key cannot be read.
pub(crate) fn store_options(config: &Config) -> anyhow::Result<StoreOptions> {
    let location = match &config.store {
        config::Store::Sled(folder) => Location::Sled(folder.clone()),
        config::Store::Memory => Location::Memory,
    };
    let mut options = StoreOptions::new(location, config.keys.master()?);
    options.durability = match config.durability {
        config::Durability::Always => warbler_store::Durability::Synced,
        config::Durability::Relaxed => warbler_store::Durability::Relaxed,
    };
    options.cache = ByteSize(config.limits.store_cache_bytes);
    Ok(options)
}

fn runtime_options(config: &Config) -> anyhow::Result<RuntimeOptions> {
    let mut options = RuntimeOptions::new(runtime_key(config)?);
    options.cache = config.plugin_cache();
    options.pool = Pool { instances: config.plugins.instances, memory: ByteSize(config.plugins.memory_bytes) };
    let folders = DiskFolders::new(config.plugins.folders.clone());
    options.folders = Arc::new(match config.plugins.folder_bytes {
        0 => folders,
        bytes => folders.with_limit(bytes),
    });
    options.mail = Arc::new(relays(config)?);
    options.http = HttpOptions {
        private_addresses: config.plugins.allow_private_http.clone(),
        extra_roots: config.plugins.trust_file.as_deref().map(authorities).transpose()?.unwrap_or_default(),
        ..HttpOptions::default()
    };
    Ok(options)
}

/// The mail relays that the operator named.
///
/// # Errors
/// A password or a certificate cannot be read, or a setting is none.
pub(crate) fn relays(config: &Config) -> anyhow::Result<Relays> {
    let mut relays = Relays::new(Arc::new(SystemClock));
    for (name, relay) in &config.mail.relays {
        let mut options = relay.options()?;
        options.extra_roots = relay.trust_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
        if options.security == Security::Clear {
            tracing::warn!(relay = %name, "letters to this relay, and the password, can be read on the way");
        }
        relays.add(name, options).with_context(|| format!("the mail relay {name:?} cannot be set up"))?;
    }
    Ok(relays)
}

/// The certificates in a file.
fn authorities(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let found = read().with_context(|| format!("{} cannot be read as certificates", file.display()))?;
    anyhow::ensure!(!found.is_empty(), "{} has no certificates", file.display());
    Ok(found)
}

/// The runtime's secret, derived from the master key: compiled code and pseudonyms last as long as it does.
fn runtime_key(config: &Config) -> anyhow::Result<RuntimeKey> {
    let master = zeroize::Zeroizing::new(hex::decode(config.keys.master()?.to_hex().as_bytes())?);
    let extracted = aws_lc_rs::hkdf::Salt::new(aws_lc_rs::hkdf::HKDF_SHA256, b"warbler runtime key").extract(&master);
    let mut key = [0; 32];
    let expanded = extracted.expand(&[b"v1"], aws_lc_rs::hkdf::HKDF_SHA256);
    let filled = expanded.and_then(|material| material.fill(&mut key));
    filled.map_err(|_| anyhow::anyhow!("the runtime's key cannot be derived"))?;
    Ok(RuntimeKey::new(key))
}

fn service_options(config: &Config) -> anyhow::Result<Options> {
    let (limits, sessions) = (&config.limits, &config.sessions);
    let rates = RateLimits {
        messages: Rate { burst: limits.messages_burst, per_second: limits.messages_per_second },
        frames: Rate { burst: limits.frames_burst, per_second: limits.frames_per_second },
        sign_ins: Rate { burst: limits.sign_ins_burst, per_second: limits.sign_ins_per_second },
        ..RateLimits::default()
    };
    Ok(Options {
        operator_token: Some(config.operator.token()?),
        messages: message_limits(config),
        attachment: ByteSize(limits.attachment_bytes),
        conversation_members: size(limits.conversation_members),
        rates,
        password_cost: PasswordCost {
            memory_kib: sessions.password_memory_kib,
            passes: sessions.password_passes,
            ..PasswordCost::default()
        },
        password_workers: size(sessions.password_workers),
        connection_queue: size(limits.connection_queue),
        connections_per_session: size(limits.connections_per_session),
        session_sweep: Duration::from_secs(sessions.sweep_seconds),
        agents: AgentOptions {
            at_once: size(config.agents.replies_at_once),
            document: ByteSize(config.agents.document_bytes),
            tool_programs: config.agents.tool_programs.clone(),
            tool_hosts: config.agents.tool_hosts.clone(),
            ..AgentOptions::default()
        },
        ..Options::default()
    })
}

fn api_options(config: &Config, metrics: PrometheusHandle) -> ApiOptions {
    let limits = &config.limits;
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    ApiOptions {
        tls: config.tls.is_some(),
        request_timeout: Duration::from_secs(limits.request_seconds),
        messages: message_limits(config),
        attachment: ByteSize(limits.attachment_bytes),
        send_window: size(limits.send_window),
        metrics: Arc::new(move || metrics.render()),
        metrics_on_loopback: config.metrics.loopback,
        ..ApiOptions::default()
    }
}

fn message_limits(config: &Config) -> MessageLimits {
    let limits = &config.limits;
    MessageLimits {
        text: ByteSize(limits.message_text_bytes),
        custom: ByteSize(limits.message_custom_bytes),
        mentions: size(limits.message_mentions),
        ..MessageLimits::default()
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
