//! The hooks after the commit: agents, push providers and backup sinks. Their calls wait on models and on
//! other people's servers, so they have places of their own and never take one that a filter needs. Content
//! filters are in `call` and `instance`.

mod agent;
mod bindings;
mod call;
mod folders;
mod imports;
mod mail;
mod meter;
mod models;
mod push;
mod record;
mod sink;
mod table;

pub(crate) use bindings::warbler::plugin::types::Failure as Refusing;
pub(crate) use call::{Job, Places};
pub(crate) use imports::{Lending, link};
pub(crate) use table::{Casts, Guests, Hooks};
