//! What the operator does.

pub(crate) mod dead_letters;
pub(crate) mod models;
pub(crate) mod publishers;
pub(crate) mod tenants;
