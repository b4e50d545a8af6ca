//! What a tenant's admins, moderators and auditors do.

pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod knowledge;
pub(crate) mod lexicons;
pub(crate) mod members;
pub(crate) mod plugins;
pub(crate) mod policy;
pub(crate) mod push;
pub(crate) mod review;
pub(crate) mod tools;
