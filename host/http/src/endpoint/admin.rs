//! What a tenant's admins, moderators and auditors do.

pub(crate) mod audit;
pub(crate) mod lexicons;
pub(crate) mod members;
pub(crate) mod plugins;
pub(crate) mod policy;
pub(crate) mod review;
