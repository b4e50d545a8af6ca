//! The one place that loads compiled code, and the one exemption from `unsafe_code` in the workspace.

#![allow(unsafe_code)]

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads the compiled component at `path` by mapping the file.
///
/// The caller has just found the file's authentication code to be right (see [`crate::cache`]).
pub(crate) fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize_file` runs whatever native code the file holds, so the file has to be one
    // that `Engine::precompile_component` wrote, unchanged, now and for as long as it is mapped.
    // - It is one that this host wrote: the HMAC-SHA256 over its name and content, under a key that
    //   only the host has, was checked over the whole content. Its name is derived from the engine's
    //   profile, so that it was compiled by this version with these settings for this processor;
    //   wasmtime checks the same once more.
    // - It does not change while it is mapped: the cache writes files under another name and renames
    //   them, never in place, and removes names only, which leaves mapped content alone. The folder
    //   is created for the host's user alone (mode 0700, files 0600). Whoever can write there all the
    //   same, between the check and the mapping or after, has the host's own rights already.
    unsafe { Component::deserialize_file(engine, path) }
}
