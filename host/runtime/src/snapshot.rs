//! Snapshots: a component as its `init` left it, so that instances start initialised. Taken only where
//! nothing but the configuration went into `init`, and where the component's shape allows it.

use tokio::time::Instant;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime_wizer::{WasmtimeWizerComponent, Wizer};

use crate::bindings::exports::warbler::plugin::lifecycle;
use crate::instance::Mould;
use crate::link;

/// The snapshot of `component` after its `init`, as a component again.
///
/// # Errors
/// The component contains others, or another shape that cannot be taken; or its `init` failed, or
/// asked for something that another run would answer differently.
pub(crate) async fn take(engine: &Engine, mould: &Mould, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (shape, instrumented) = wizer.instrument_component(component)?;
    let instrumented = Component::from_binary(engine, &instrumented)?;
    let pre = link::linker(engine, &mould.lent.grants, false)?.instantiate_pre(&instrumented)?;
    let mut store = mould.store(Instant::now() + mould.init_deadline);
    let instance = pre.instantiate_async(&mut store).await?;
    let lifecycle = lifecycle::GuestIndices::new(&pre)?;
    mould.init(&lifecycle, &mut store, &instance).await.map_err(wasmtime::Error::new)?;
    if store.data().asked {
        wasmtime::bail!("its init asked for something that can change");
    }
    // Reading the memories goes through functions of the component, in one call each.
    store.set_hostcall_fuel(usize::MAX);
    wizer.snapshot_component(&shape, &mut WasmtimeWizerComponent { store: &mut store, instance }).await
}
