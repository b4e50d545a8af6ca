//! The endpoints. One family, one file, in the same order: routes, wire types, handlers, conversions.

pub(crate) mod admin;
pub(crate) mod attachments;
pub(crate) mod backups;
pub(crate) mod connect;
pub(crate) mod conversations;
pub(crate) mod health;
pub(crate) mod me;
pub(crate) mod messages;
pub(crate) mod operator;
pub(crate) mod push;
pub(crate) mod replies;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod support;
