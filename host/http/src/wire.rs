//! Wire types that several endpoints share. Those of one endpoint live in its file.

pub(crate) mod agent;
pub(crate) mod body;
pub(crate) mod member;
pub(crate) mod message;
pub(crate) mod push;
pub(crate) mod receipt;
pub(crate) mod session;
pub(crate) mod tenant;
