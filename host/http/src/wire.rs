//! Wire types that several endpoints share. Those of one endpoint live in its file.

pub(crate) mod body;
pub(crate) mod message;
