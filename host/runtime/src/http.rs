//! Requests of plugins: to the hosts that were granted, never to a private address, within limits of
//! time and size. Redirects are followed, and each is checked like the first request.

mod address;
mod client;
mod connect;
mod fetch;
mod header;
mod target;

pub(crate) use client::Client;
pub use connect::{Resolver, SystemResolver};
pub(crate) use fetch::{Answer, FetchError, Fetcher, Outgoing};
