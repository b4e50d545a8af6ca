//! Backup sinks: blobs on their way in and out, and listings that are held to their order.

use async_trait::async_trait;
use bytes::Bytes;
use warbler_domain::{BackupSink, BlobEntry, ByteSize, HookError, HookKind, Refusal};
use wasmtime::Store;

use super::bindings::exports::warbler::plugin::backup_sink as wit;
use super::bindings::warbler::plugin::types::Failure;
use super::call::Job;
use super::table::Guests;
use crate::installation::Installation;
use crate::state::GuestState;

/// Greatest length of a blob, as the contract says.
const BLOB: ByteSize = ByteSize::mib(32);
/// Most entries in one listing, as the contract says.
const ENTRIES: usize = 1_000;
/// Greatest length of a blob's name, in bytes: what the object stores allow that sinks write to.
const NAME: usize = 1_024;
/// A blob with what a request says around it.
const BLOB_BYTES: usize = 33 << 20;
/// A full listing, as the page of XML or JSON that it was read from.
const LISTING_BYTES: usize = 4 << 20;

#[async_trait]
impl BackupSink for Installation {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        check_name(name)?;
        if bytes.len() > BLOB.as_usize() {
            return Err(unsupported(format!("a blob of {} bytes, where {BLOB} are the most", bytes.len())));
        }
        self.serve(Put { name, bytes }).await
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        check_name(name)?;
        self.serve(Get { name, offset, length: length.min(BLOB.0) }).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        self.serve(List { prefix, after }).await
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        check_name(name)?;
        self.serve(Delete { name }).await
    }
}

fn check_name(name: &str) -> Result<(), HookError> {
    if (1..=NAME).contains(&name.len()) {
        return Ok(());
    }
    Err(unsupported(format!("a blob's name of {} bytes, which must be 1 to {NAME}", name.len())))
}

fn unsupported(text: String) -> HookError {
    Refusal::Unsupported { text }.into()
}

struct Put<'a> {
    name: &'a str,
    bytes: Bytes,
}

impl Job for Put<'_> {
    const HOOK: HookKind = HookKind::BackupSink;
    const HOST_CALL_BYTES: usize = BLOB_BYTES;
    type Raw = ();
    type Answer = ();

    fn name(&self) -> &'static str {
        "backup-sink.put"
    }

    async fn run(&self, guests: &Guests, store: &mut Store<GuestState>) -> wasmtime::Result<Result<(), Failure>> {
        guests.sink()?.call_put(store, self.name, &self.bytes).await
    }

    fn read(&self, (): ()) -> Result<(), String> {
        Ok(())
    }
}

struct Get<'a> {
    name: &'a str,
    offset: u64,
    length: u64,
}

impl Job for Get<'_> {
    const HOOK: HookKind = HookKind::BackupSink;
    const HOST_CALL_BYTES: usize = BLOB_BYTES;
    type Raw = Option<Vec<u8>>;
    type Answer = Option<Bytes>;

    fn name(&self) -> &'static str {
        "backup-sink.get"
    }

    async fn run(
        &self,
        guests: &Guests,
        store: &mut Store<GuestState>,
    ) -> wasmtime::Result<Result<Self::Raw, Failure>> {
        guests.sink()?.call_get(store, self.name, self.offset, self.length).await
    }

    fn read(&self, bytes: Self::Raw) -> Result<Self::Answer, String> {
        match bytes {
            Some(bytes) if bytes.len() as u64 > self.length => {
                Err(format!("it has {} bytes, where {} were asked for", bytes.len(), self.length))
            }
            bytes => Ok(bytes.map(Bytes::from)),
        }
    }
}

struct List<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
}

impl Job for List<'_> {
    const HOOK: HookKind = HookKind::BackupSink;
    const HOST_CALL_BYTES: usize = LISTING_BYTES;
    type Raw = Vec<wit::BlobInfo>;
    type Answer = Vec<BlobEntry>;

    fn name(&self) -> &'static str {
        "backup-sink.list"
    }

    async fn run(
        &self,
        guests: &Guests,
        store: &mut Store<GuestState>,
    ) -> wasmtime::Result<Result<Self::Raw, Failure>> {
        guests.sink()?.call_list(store, self.prefix, self.after).await
    }

    fn read(&self, infos: Self::Raw) -> Result<Self::Answer, String> {
        if infos.len() > ENTRIES {
            return Err(format!("it has {} entries, and {ENTRIES} are the most", infos.len()));
        }
        // Whoever reads on after the last name would miss what is out of order, or read it for ever.
        let mut last = self.after;
        for info in &infos {
            let name = info.name.as_str();
            if !name.starts_with(self.prefix) || !(1..=NAME).contains(&name.len()) {
                return Err("it has a name that was not asked for".to_owned());
            }
            if last.is_some_and(|last| name <= last) {
                return Err("its names are not in order".to_owned());
            }
            last = Some(name);
        }
        Ok(infos.into_iter().map(|wit::BlobInfo { name, size }| BlobEntry { name, size }).collect())
    }
}

struct Delete<'a> {
    name: &'a str,
}

impl Job for Delete<'_> {
    const HOOK: HookKind = HookKind::BackupSink;
    const HOST_CALL_BYTES: usize = LISTING_BYTES;
    type Raw = ();
    type Answer = ();

    fn name(&self) -> &'static str {
        "backup-sink.delete"
    }

    async fn run(&self, guests: &Guests, store: &mut Store<GuestState>) -> wasmtime::Result<Result<(), Failure>> {
        guests.sink()?.call_delete(store, self.name).await
    }

    fn read(&self, (): ()) -> Result<(), String> {
        Ok(())
    }
}
