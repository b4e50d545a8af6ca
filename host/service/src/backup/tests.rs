//! Backups and restores over a store in memory.
