//! The engine: what guests may use, how much is set aside for them, and the profile that names all of
//! this for the cache.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel, PoolingAllocationConfig,
};

use crate::options::Pool;

/// Most table elements of one table. Rust guests use some hundreds, interpreters some thousands.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
/// Most core instances in one component; those of interpreters have about ten.
pub(crate) const CORE_INSTANCES: u32 = 64;
/// Most memories or tables in one component.
pub(crate) const MEMORIES: u32 = 16;

/// Stack of a guest, of the 1 MiB that it and the host calls below it share.
const WASM_STACK: usize = 512 << 10;
const ASYNC_STACK: usize = 1 << 20;
/// Memory of a free slot that is kept and zeroed rather than returned to the system.
const KEEP_RESIDENT: usize = 8 << 20;
const TABLE_KEEP_RESIDENT: usize = 64 << 10;
/// Free slots that keep the mapping of the image they held last.
const WARM_SLOTS: u32 = 100;
/// Host-side metadata of one instance.
const INSTANCE_SIZE: usize = 1 << 20;

/// Makes the engine for hooks.
pub(crate) fn build(pool: &Pool) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)))
        .cranelift_opt_level(OptLevel::Speed)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .memory_init_cow(true)
        // One thread per compilation: how many run at a time is the queue's decision.
        .parallel_compilation(false)
        .module_version(ModuleVersionStrategy::WasmtimeVersion)?;
    // Multi-memory stays on: the adapters of composed components need it.
    config
        .gc_support(false)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_function_references(false)
        .wasm_threads(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        // Products of 128 bits in one instruction: public-key cryptography in guests lives on them.
        .wasm_wide_arithmetic(true);
    Engine::new(&config)
}

fn pooling(pool: &Pool) -> PoolingAllocationConfig {
    let mut config = PoolingAllocationConfig::new();
    // Most components are one core instance with one memory; composed ones take several.
    let core = pool.instances.saturating_mul(4);
    config
        .total_component_instances(pool.instances)
        .total_stacks(pool.instances)
        .total_core_instances(core)
        .total_memories(pool.instances.saturating_mul(2))
        .total_tables(core)
        .max_component_instance_size(INSTANCE_SIZE)
        .max_core_instance_size(INSTANCE_SIZE)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(MEMORIES)
        .max_tables_per_module(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(pool.memory.as_usize())
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .max_unused_warm_slots(WARM_SLOTS)
        .pagemap_scan(Enabled::Auto);
    config
}

/// SHA-256 over everything that decides whether compiled code fits this engine: wasmtime's version,
/// the settings and the processor.
pub(crate) fn profile(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Lends SHA-256 to `Hash` implementations, which only ask for a place to write to.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Never asked for: the whole digest is taken instead.
        0
    }
}
