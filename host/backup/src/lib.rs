//! Backup repositories in the restic format over a backup sink. Schedules, rights and what a tenant consists of do not live here.
