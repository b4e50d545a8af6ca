//! The runtime: components become hooks. Compiles, links what was granted, instantiates, calls, and
//! holds every guest to its limits. Packages, trust and policy do not live here, and nothing outside
//! this crate names wasmtime.

mod answer;
mod bindings;
mod cache;
mod call;
mod compile;
mod engine;
mod error;
mod failure;
mod folders;
mod hook;
mod house;
mod http;
mod imports;
mod installation;
mod instance;
mod lane;
mod link;
mod load;
mod load_compiled;
mod log_gate;
mod memory;
mod message;
mod meter;
mod options;
mod probe;
mod pseudonym;
mod runtime;
mod snapshot;
mod state;
mod sweeper;
mod ticker;
mod wasi;

pub use error::RuntimeError;
pub use folders::DiskFolders;
pub use http::{Resolver, SystemResolver};
pub use options::{HttpOptions, Pool, Reuse, RuntimeKey, RuntimeOptions, Share, Together};
pub use runtime::{Runtime, Usage};
