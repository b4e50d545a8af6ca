//! What can go wrong while the runtime itself is made. Errors of loading and calling are the domain's.

use std::path::PathBuf;

/// Why the runtime could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The engine refuses its settings, or the address space for its instances cannot be reserved.
    #[error("the engine for plugins could not be made")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder for compiled code cannot be used.
    #[error("the folder for compiled code at {path:?} cannot be used")]
    Cache {
        /// Which folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The trusted certificates cannot be used.
    #[error("the certificates for plugins' requests cannot be used")]
    Tls(#[source] rustls::Error),
    /// A thread could not be started.
    #[error("the thread {name:?} could not be started")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl RuntimeError {
    /// Whether trying again may succeed without anybody changing a setting.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Thread { .. })
    }
}
