//! Checks with faults between the sink and its server: what passes by itself is told as such, nothing is
//! taken for gone that is there, and after all of it every blob is whole or absent.

use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::BackupSink;

use super::super::Tally;
use super::proxy::{Fault, Proxy};
use super::{bytes, get, holds, is_transient, lists, put};

/// The length of blobs whose upload is disturbed: long enough that a sink may send it in parts.
const LONG: usize = 12 << 20;

/// A sink behind a proxy.
pub(super) struct Disturbed {
    /// Loaded in a host with the limits of a real one.
    pub(super) sink: Arc<dyn BackupSink>,
    /// The same in a host that waits a moment only, for servers that do not answer.
    pub(super) hasty: Arc<dyn BackupSink>,
    /// What it is behind of.
    pub(super) proxy: Proxy,
}

impl Disturbed {
    /// The sink to call while `fault` goes wrong.
    fn during(&self, fault: Fault) -> &Arc<dyn BackupSink> {
        if fault == Fault::Silent { &self.hasty } else { &self.sink }
    }
}

/// Runs them below `folder`.
pub(super) async fn run(disturbed: &Disturbed, folder: &str, tally: &mut Tally) {
    let proxy = &disturbed.proxy;
    for (what, fault, length) in [
        ("the server does not answer", Fault::Silent, 1_000),
        ("the server is busy", Fault::Busy, LONG),
        ("the connection is cut before an upload", Fault::CutRequest(0), 1_000),
        ("the connection is cut in the head of a request", Fault::CutRequest(100), 1_000),
        ("the connection is cut in the middle of an upload", Fault::CutRequest(3 << 20), LONG),
        ("the connection is cut at the end of an upload", Fault::CutRequest(60_000), 60_000),
        ("the answer to an upload is lost", Fault::CutAnswer(0), 1_000),
        ("the answer to a long upload is lost", Fault::CutAnswer(0), LONG),
        ("the answer to an upload is cut off", Fault::CutAnswer(60), 1_000),
    ] {
        let outcome = upload(disturbed, &format!("{folder}/upload/{length}-{fault:?}"), fault, length).await;
        proxy.set(Fault::None);
        tally.count(&format!("keeps blobs whole when {what}"), &outcome);
    }
    for (what, fault) in [
        ("does not answer", Fault::Silent),
        ("is busy", Fault::Busy),
        ("cuts the connection", Fault::CutRequest(40)),
        ("cuts its answers off", Fault::CutAnswer(200)),
    ] {
        let outcome = told(disturbed, &format!("{folder}/told/{fault:?}"), fault).await;
        proxy.set(Fault::None);
        tally.count(&format!("takes nothing for gone when the server {what}"), &outcome);
    }
    let outcome = half(disturbed, &format!("{folder}/half")).await;
    proxy.set(Fault::None);
    tally.count("does not believe half an answer", &outcome);
    tally.count("leaves nothing behind after faults", &lists::clear(&disturbed.sink, folder).await);
}

/// A name in which the faults' `Debug` form can stand.
fn plain(name: &str) -> String {
    name.replace(['(', ')'], "-")
}

/// An upload that a fault disturbs, and one that follows.
async fn upload(disturbed: &Disturbed, name: &str, fault: Fault, length: usize) -> Result<(), String> {
    let (name, blob) = (plain(name), bytes(length, length as u64));
    let Disturbed { sink, proxy, .. } = disturbed;
    proxy.set(fault);
    let kept = disturbed.during(fault).put(&name, blob.clone()).await;
    proxy.set(Fault::None);
    match &kept {
        // It found a way, and so has to be there.
        Ok(()) => holds(sink, &name, &blob).await?,
        Err(error) => {
            is_transient(error)?;
            whole_or_absent(sink, &name, &blob).await?;
        }
    }
    put(sink, &name, &blob).await?;
    holds(sink, &name, &blob).await
}

/// After a failed upload, `get` and `list` have to agree, and to give all or nothing.
async fn whole_or_absent(sink: &Arc<dyn BackupSink>, name: &str, blob: &Bytes) -> Result<(), String> {
    let read = get(sink, name, 0, u64::MAX).await?;
    if let Some(read) = &read {
        super::same(&format!("{name} after a failed upload"), Some(read), Some(blob))?;
    }
    let listed = lists::page(sink, name, None).await?;
    let size = listed.iter().find(|entry| entry.name == name).map(|entry| entry.size);
    let expected = read.map(|read| read.len() as u64);
    if size == expected {
        return Ok(());
    }
    Err(format!("after a failed upload, `get` gives {expected:?} bytes and `list` says {size:?}"))
}

/// Each function while nothing gets through.
async fn told(disturbed: &Disturbed, folder: &str, fault: Fault) -> Result<(), String> {
    let (Disturbed { sink, proxy, .. }, during) = (disturbed, disturbed.during(fault));
    let folder = plain(folder);
    let (name, blob) = (format!("{folder}/kept"), bytes(200_000, 40));
    put(sink, &name, &blob).await?;
    proxy.set(fault);
    let read = during.get(&name, 0, u64::MAX).await;
    let listed = during.list(&folder, None).await;
    let deleted = during.delete(&name).await;
    proxy.set(Fault::None);
    match read {
        Ok(read) => super::same("what `get` gave", read.as_ref(), Some(&blob))?,
        Err(error) => is_transient(&error).map_err(|text| format!("get: {text}"))?,
    }
    match listed {
        Ok(listed) if listed.iter().any(|entry| entry.name == name) => {}
        Ok(_) => return Err("`list` leaves out a blob that is there".into()),
        Err(error) => is_transient(&error).map_err(|text| format!("list: {text}"))?,
    }
    match deleted {
        Ok(()) => super::same("what was deleted", get(sink, &name, 0, 9).await?.as_ref(), None),
        Err(error) => {
            is_transient(&error).map_err(|text| format!("delete: {text}"))?;
            whole_or_absent(sink, &name, &blob).await
        }
    }
}

/// Answers that look whole and are not: an error of any kind is right, and a short answer is not.
async fn half(disturbed: &Disturbed, folder: &str) -> Result<(), String> {
    let Disturbed { sink, proxy, .. } = disturbed;
    let blob = bytes(50_000, 50);
    let names: Vec<String> = (0..20).map(|number| format!("{folder}/{number:02}")).collect();
    for name in &names {
        put(sink, name, &blob).await?;
    }
    let Some(name) = names.first() else { return Ok(()) };
    proxy.set(Fault::HalfAnswer);
    let read = sink.get(name, 0, u64::MAX).await;
    let listed = sink.list(folder, None).await;
    proxy.set(Fault::None);
    match read {
        Ok(Some(read)) => super::same("what `get` gave of half an answer", Some(&read), Some(&blob))?,
        Ok(None) => return Err("`get` takes half an answer for a missing blob".into()),
        Err(_) => {}
    }
    if let Ok(listed) = &listed
        && listed.len() != names.len()
    {
        return Err(format!("`list` makes {} blobs of half an answer about {}", listed.len(), names.len()));
    }
    // It still works as before.
    holds(sink, name, &blob).await?;
    let listed = lists::page(sink, folder, None).await?;
    if listed.len() == names.len() { Ok(()) } else { Err("`list` leaves out blobs after a fault".into()) }
}
