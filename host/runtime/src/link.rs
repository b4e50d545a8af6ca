//! The linker of one installation: what was granted, and nothing else.

use warbler_domain::Grants;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::warbler::plugin::{http, lexicons, log, secrets, storage, system, types};
use crate::hook;
use crate::state::GuestState;

type Guest = HasSelf<GuestState>;

/// A linker with `log` and `system`, with what `grants` allow, and with WASI if it is wanted.
pub(crate) fn linker(engine: &Engine, grants: &Grants, wasi: bool) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    log::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    system::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    if grants.storage_quota.is_some() {
        storage::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    }
    if !grants.secrets.is_empty() {
        secrets::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    }
    if !grants.http.is_empty() {
        http::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    }
    if grants.lexicons {
        lexicons::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    }
    hook::link(&mut linker, grants)?;
    if wasi {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    }
    Ok(linker)
}
