//! WebSocket.

pub(crate) mod frame;
