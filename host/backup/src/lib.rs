//! Backup repositories in the restic format over a backup sink. Schedules, rights and what a tenant consists of do not live here.
//!
//! [`ResticRepositories`] is the port `warbler_domain::BackupRepositories` by `rustic_core`: a sink sees blobs under the
//! names of restic's own layout (`config`, `keys/…`, `snapshots/…`, `index/…`, `data/…`), all encrypted, none longer than
//! 32 MiB. The format: <https://restic.readthedocs.io/en/stable/100_references.html#design>.
//!
//! - The library leaves out of a snapshot what it cannot read, and only warns of it. Here a snapshot is kept back
//!   ([`backend`]) until nothing failed and every file is accounted for; only then the sink sees it.
//! - The library takes no locks. Whoever calls holds the lease.

mod backend;
mod copy;
mod error;
mod mirror;
mod options;
mod repair;
mod repositories;
mod repository;
mod source;
mod throttle;
mod tree;

pub use options::Patience;
pub use repositories::ResticRepositories;
