//! What the host decides about the runtime as a whole. Limits of one installation come with its load
//! request.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use warbler_domain::{ByteSize, Clock, Folders, MailRelays, NoFolders, NoMail, SystemClock};
use zeroize::Zeroizing;

use crate::Resolver;

/// The host's secret for the runtime: it authenticates the cache and keys the pseudonyms, which stay
/// the same for as long as it does.
#[derive(Clone)]
pub struct RuntimeKey(Zeroizing<[u8; 32]>);

impl RuntimeKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl fmt::Debug for RuntimeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuntimeKey(…)")
    }
}

/// How much is set aside for instances. Address space is reserved at once, memory is not.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Instances of all installations together, idle ones included.
    pub instances: u32,
    /// The greatest memory that any one instance can be granted.
    pub memory: ByteSize,
}

impl Default for Pool {
    fn default() -> Self {
        // A thousand warm instances take 20 MiB and 4,000 mappings, well below Linux's default of
        // 65,530. Agents and backup sinks have 128 MiB by default, and an admin can double that.
        Self { instances: 1_000, memory: ByteSize::mib(256) }
    }
}

/// When a warm instance is given up, beside after any failure.
#[derive(Debug, Clone)]
pub struct Reuse {
    /// After so many calls.
    pub calls: u64,
    /// Once it has not been called for so long.
    pub idle: Duration,
    /// Once its memory grew by more than this beyond what it had after its `init`.
    pub growth: ByteSize,
}

impl Default for Reuse {
    fn default() -> Self {
        // A guest that leaks 100 bytes a call (one known engine does) has leaked 5 MiB by then.
        Self { calls: 50_000, idle: Duration::from_mins(1), growth: ByteSize::mib(4) }
    }
}

/// What one installation or tenant can take from the others.
#[derive(Debug, Clone)]
pub struct Share {
    /// Calls of one installation that run at a time; more wait in line.
    pub installation: usize,
    /// Calls of one tenant that run at a time, over all its installations; more wait in line.
    pub tenant: usize,
    /// Guests of one tenant that may compute at a time beyond their first millisecond.
    pub tenant_lanes: usize,
    /// Guests of all tenants that may compute at a time beyond their first millisecond.
    pub lanes: usize,
    /// Replies of agents, which mostly wait for models.
    pub agents: Together,
    /// Batches of push providers.
    pub pushes: Together,
    /// Calls of backup sinks, each of which may hold a blob twice.
    pub sinks: Together,
}

/// How many calls of one hook are under way at a time, beside those of other hooks; more wait in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together {
    /// Of all tenants. Never more than half of the pool's instances.
    pub all: usize,
    /// Of one tenant.
    pub tenant: usize,
}

impl Default for Share {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // With two long-running guests per core, whatever else runs on it waits for two ticks at most.
        Self {
            installation: 32,
            tenant: 128,
            tenant_lanes: cores,
            lanes: cores.saturating_mul(2),
            agents: Together { all: 500, tenant: 250 },
            pushes: Together { all: 64, tenant: 16 },
            // With 64 MiB of blobs each, they take a gigabyte at most.
            sinks: Together { all: 16, tenant: 4 },
        }
    }
}

/// What plugins with the permission `http` meet.
#[derive(Clone)]
pub struct HttpOptions {
    /// Private addresses that may be called all the same, if the plugin's grant names the host. For
    /// tests, demonstrations and services beside the host; empty by default.
    pub private_addresses: BTreeSet<SocketAddr>,
    /// Certificate authorities that are trusted beside the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Who looks names up; the system by default.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// The longest that one request may take, redirects included, whatever the plugin asks for.
    pub timeout: Duration,
    /// Greatest length of a response's body.
    pub max_response: ByteSize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            private_addresses: BTreeSet::new(),
            extra_roots: Vec::new(),
            resolver: None,
            // As long as a reply or a blob may take by default; other hooks end sooner by themselves.
            timeout: Duration::from_mins(1),
            // A response is copied into the guest, whose memory is a few tens of MiB.
            max_response: ByteSize::mib(4),
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("private_addresses", &self.private_addresses)
            .field("extra_roots", &self.extra_roots.len())
            .field("timeout", &self.timeout)
            .field("max_response", &self.max_response)
            .finish_non_exhaustive()
    }
}

/// Everything that a runtime is made with.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The host's secret.
    pub key: RuntimeKey,
    /// Where compiled code is kept, readable by the host alone; nowhere if `None`.
    pub cache: Option<PathBuf>,
    /// How much is set aside for instances.
    pub pool: Pool,
    /// When instances are given up.
    pub reuse: Reuse,
    /// What one can take from the others.
    pub share: Share,
    /// What plugins with the permission `http` meet.
    pub http: HttpOptions,
    /// The longest that an `init` may take.
    pub init_deadline: Duration,
    /// Whether instances start from a snapshot taken after `init`, where the component allows it.
    pub snapshots: bool,
    /// Components that are compiled at a time, each on one thread.
    pub compilers: usize,
    /// Folders of the disk that the operator named, for plugins with the permission `folders`.
    pub folders: Arc<dyn Folders>,
    /// Mail relays that the operator named, for plugins with the permission `mail`.
    pub mail: Arc<dyn MailRelays>,
    /// Tells plugins the time.
    pub clock: Arc<dyn Clock>,
}

impl RuntimeOptions {
    /// The defaults, with this key and without a cache.
    #[must_use]
    pub fn new(key: RuntimeKey) -> Self {
        Self {
            key,
            cache: None,
            pool: Pool::default(),
            reuse: Reuse::default(),
            share: Share::default(),
            http: HttpOptions::default(),
            // An interpreter with a word list of its own takes about a second.
            init_deadline: Duration::from_secs(10),
            snapshots: true,
            // One, so that compiling never takes more than one core from live traffic.
            compilers: 1,
            folders: Arc::new(NoFolders),
            mail: Arc::new(NoMail),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for RuntimeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeOptions")
            .field("cache", &self.cache)
            .field("pool", &self.pool)
            .field("reuse", &self.reuse)
            .field("share", &self.share)
            .field("http", &self.http)
            .field("init_deadline", &self.init_deadline)
            .field("snapshots", &self.snapshots)
            .field("compilers", &self.compilers)
            .finish_non_exhaustive()
    }
}
