//! What the integration tests, the demo and the benches share: the real host as a child process, a
//! client of its API, and hostile guests.

pub mod backups;
pub mod chance;
pub mod client;
pub mod counterpart;
pub mod disk;
pub mod guests;
pub mod host;
pub mod mail_server;
pub mod model;
pub mod packages;
pub mod receiver;
pub mod script;
pub mod servers;
pub mod talk;
pub mod tenant;
pub mod web_push;
