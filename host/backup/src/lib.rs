//! Backup repositories in the restic format over a backup sink. Schedules, rights and what a tenant consists of do not live here.

mod mirror;

pub use mirror::{Healed, Ledger, LedgerState, Mirror, Mirrored, Verify, is_named_by_digest};
