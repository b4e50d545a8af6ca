//! The life of installations, played with a runtime without WebAssembly over the store in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod change;
mod install;
mod keep;
mod kept;
mod start;
mod watch;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::json;
use warbler_domain::{Expect, Role, Signal, State, StateKey, StateWrite, StorageError, Strength};
use warbler_package::Granted;
use zeroize::Zeroizing;

use super::record::record_key;
use super::storage::{Storage, clear};
use super::*;
use crate::filters::FailPolicy;
use crate::plugin_world::{Signed, World, sign};
use crate::{PluginError, Step};
use warbler_domain::PluginStorage as _;

async fn verdict(world: &World, text: &str) -> Strength {
    world.judge(text).await.merged.verdict.strength()
}

fn refusal(error: ServiceError) -> (Step, &'static str) {
    match error {
        ServiceError::Plugin(error) => (error.step(), error.code()),
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn refused(world: &World, request: InstallRequest) -> (Step, &'static str) {
    refusal(world.try_install(request).await.unwrap_err())
}

async fn view(world: &World, id: InstallationId) -> PluginView {
    world.ext.plugins.get(&world.admin, id).await.unwrap()
}

async fn spoken(world: &World) -> String {
    world.judge("x").await.merged.caution.unwrap().code
}

fn granted(value: serde_json::Value) -> Granted {
    serde_json::from_value(value).unwrap()
}
