//! The API of Warbler over HTTP and WebSocket: routes, wire types, problem details, `OpenAPI`. What is done is
//! the service's business; this crate alone knows status codes, and nothing here names a store or WebAssembly.
//!
//! [`router`] takes an [`Api`] and gives an axum router. Whoever accepts connections adds a [`Peer`] to each
//! request, and calls [`Api::close_sockets`] when the host stops. One endpoint family is one file below
//! `endpoint`, in the same order each: routes, wire types, handlers, conversions.

mod api;
mod auth;
mod endpoint;
mod error;
mod json;
mod layers;
mod openapi;
mod page;
mod peer;
mod problem;
mod router;
mod socket;
mod wire;

pub use api::{Api, ApiOptions, RenderMetrics};
pub use peer::Peer;
pub use problem::{Problem, ProblemPlace, ProblemReason};
pub use router::{openapi, router};
