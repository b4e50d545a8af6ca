//! What the operator does.

pub(crate) mod publishers;
pub(crate) mod tenants;
