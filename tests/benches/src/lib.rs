//! What several benches use: readings of processes, and ports for plugins that ask for nothing.

pub mod ports;
pub mod process;
