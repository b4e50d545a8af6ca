//! One integration binary: the real host, driven from outside, and the rules that the code keeps.

// Tests may panic, and indexing a JSON value gives null where there is nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons
)]

mod agent_budgets;
mod agent_crash;
mod agent_faults;
mod agent_links;
mod agent_tools;
mod agents;
mod author;
mod backup_command;
mod backup_crash;
mod backup_damage;
mod backup_disk;
mod backup_hosts;
mod backup_keys;
mod backup_member;
mod backup_mirrors;
mod backup_power;
mod backup_progress;
mod backup_restic;
mod backup_restore;
mod backup_search;
mod backup_whole;
mod codes;
mod crash;
mod hostile;
mod knowledge;
mod lifecycle;
mod mail;
mod model_server;
mod push;
mod push_browser;
mod push_providers;
mod push_routes;
mod push_vendors;
mod resume;
mod sinks;
mod tidy;
mod tls;
mod tool_servers;
