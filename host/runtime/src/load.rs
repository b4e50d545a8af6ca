//! Loading: from a component's bytes to an installation that can be called, one step after the other.
//! Live traffic meets the result or nothing.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};
use warbler_domain::{HookError, HookKind, LoadError, LoadRequest, LogLevel};
use wasmtime::component::Component;

use crate::failure;
use crate::hook::Hooks;
use crate::house::House;
use crate::http::Fetcher;
use crate::installation::{Installation, Loaded, Parts};
use crate::instance::{Cast, Instance, MakeError, Mould};
use crate::link;
use crate::log_gate::LogGate;
use crate::probe;
use crate::snapshot;
use crate::state::Lent;

/// Loads what `request` describes.
pub(crate) async fn load(house: &Arc<House>, request: LoadRequest) -> Result<Loaded, LoadError> {
    let mould = Arc::new(mould(house, &request));
    let names = Names::new(&request);
    let began = Instant::now();
    let (made, initialised) = match cached_snapshot(house, &mould, &names).await? {
        Some(made) => (made, true),
        None => from_bytes(house, &mould, &names, &request.component).await?,
    };
    let took = began.elapsed();
    // Instances that are made at leisure are kept: a call could not wait for the next one.
    let slow_to_make = !initialised && took > request.limits.deadline / 4;
    let parts = Parts {
        id: request.installation,
        tenant: request.tenant,
        house: Arc::clone(house),
        mould,
        cast: made.cast,
        mode: request.instances,
        hooks: Hooks::new(&made.hooks, request.limits, request.tenant, request.installation),
        slow_to_make,
    };
    let installation = Installation::new(parts, made.trial);
    house.add(&installation);
    Ok(Loaded { installation, hooks: made.hooks })
}

/// A component that was linked and tried.
struct Made {
    hooks: Vec<HookKind>,
    cast: Cast,
    trial: Instance,
    wasi: bool,
}

/// What decides the compiled code, for the cache.
struct Names {
    digest: [u8; 32],
    start: [u8; 32],
}

impl Names {
    fn new(request: &LoadRequest) -> Self {
        let mut start = Sha256::new();
        start.update(request.limits.memory.0.to_be_bytes());
        start.update(serde_json::to_vec(&request.grants).unwrap_or_default());
        start.update([0]);
        start.update(&request.config);
        Self { digest: request.digest, start: start.finalize().into() }
    }

    fn plain(&self) -> [&[u8]; 2] {
        [b"plain", &self.digest]
    }

    /// A snapshot also depends on the configuration, and on what the guest could ask for.
    fn snapshot(&self) -> [&[u8]; 3] {
        [b"snapshot", &self.digest, &self.start]
    }
}

fn mould(house: &Arc<House>, request: &LoadRequest) -> Mould {
    let ports = &request.ports;
    let lent = Lent {
        grants: request.grants.clone(),
        storage: Arc::clone(&ports.storage),
        secrets: Arc::clone(&ports.secrets),
        log: Arc::new(LogGate::new(Arc::clone(&ports.log), Arc::clone(&house.clock))),
        fetcher: Fetcher::new(house.client.clone()),
        tenant: request.tenant,
        folders: Arc::clone(&house.folders),
        mail: Arc::clone(&house.mail),
        clock: Arc::clone(&house.clock),
    };
    Mould {
        engine: house.engine.clone(),
        lent: Arc::new(lent),
        tenant: house.tenant(request.tenant),
        limits: request.limits,
        config: request.config.clone(),
        init_deadline: house.init_deadline,
    }
}

async fn cached_snapshot(house: &House, mould: &Mould, names: &Names) -> Result<Option<Made>, LoadError> {
    if !house.snapshots {
        return Ok(None);
    }
    let Some(component) = house.compiler.cached(&names.snapshot()).await? else { return Ok(None) };
    try_out(house, mould, &component, true).await.map(Some)
}

/// Compiles, links and tries the component, and then its snapshot, if it can be taken.
async fn from_bytes(
    house: &Arc<House>,
    mould: &Arc<Mould>,
    names: &Names,
    bytes: &Bytes,
) -> Result<(Made, bool), LoadError> {
    let component = match house.compiler.cached(&names.plain()).await? {
        Some(component) => component,
        None => house.compiler.compile(&names.plain(), bytes.clone()).await?,
    };
    let made = try_out(house, mould, &component, false).await?;
    if !house.snapshots || made.wasi || made.trial.has_asked() {
        return Ok((made, false));
    }
    match from_snapshot(house, mould, names, bytes).await {
        Ok(snapshot) => Ok((snapshot, true)),
        Err(why) => {
            mould.lent.log.host(LogLevel::Debug, &format!("instances are initialised one by one: {why}"));
            Ok((made, false))
        }
    }
}

async fn from_snapshot(house: &Arc<House>, mould: &Arc<Mould>, names: &Names, bytes: &Bytes) -> Result<Made, String> {
    let (engine, taken, from) = (house.engine.clone(), Arc::clone(mould), bytes.clone());
    let runtime = tokio::runtime::Handle::current();
    // On a thread of its own: it compiles, and a component that the instrumentation cannot deal with
    // ends that thread's work and nothing else.
    let snapshot = house.compiler.aside(move |_| runtime.block_on(snapshot::take(&engine, &taken, &from)));
    let snapshot = snapshot.await.map_err(|error| error.to_string())?.map_err(|error| failure::chain(&error))?;
    let component = house.compiler.compile(&names.snapshot(), snapshot.into()).await.map_err(|e| e.to_string())?;
    try_out(house, mould, &component, true).await.map_err(|error| error.to_string())
}

/// Probes and links `component`, and makes a trial instance of it.
async fn try_out(house: &House, mould: &Mould, component: &Component, initialised: bool) -> Result<Made, LoadError> {
    let hooks = probe::hooks(component)?;
    let grants = &mould.lent.grants;
    let wasi = probe::imports(&house.engine, component, grants)?;
    let unlinked = |error: wasmtime::Error| LoadError::Link { text: failure::chain(&error) };
    let linker = link::linker(&house.engine, grants, wasi).map_err(unlinked)?;
    let pre = linker.instantiate_pre(component).map_err(unlinked)?;
    let cast =
        Cast::new(pre, &hooks, initialised).map_err(|error| LoadError::Instantiate { text: failure::chain(&error) })?;
    let trial = trial(house, mould, &cast).await?;
    Ok(Made { hooks, cast, trial, wasi })
}

async fn trial(house: &House, mould: &Mould, cast: &Cast) -> Result<Instance, LoadError> {
    let deadline = Instant::now() + mould.init_deadline;
    let mut made = timeout_at(deadline, mould.make(cast, deadline)).await;
    if matches!(made, Ok(Err(MakeError::Full(_)))) && house.make_room() {
        made = timeout_at(deadline, mould.make(cast, deadline)).await;
    }
    let made = made.unwrap_or(Err(MakeError::Init(HookError::Overrun { limit: mould.init_deadline })));
    made.map_err(|error| match error {
        MakeError::Full(_) | MakeError::Start(_) => LoadError::Instantiate { text: error.to_string() },
        MakeError::Refused(text) => LoadError::InitRefused { text },
        MakeError::Init(error) => LoadError::InitFailed(error),
    })
}
