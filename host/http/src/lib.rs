//! The API over HTTP and WebSocket.
#![allow(dead_code)]

mod json;
mod problem;
mod socket;
mod wire;
