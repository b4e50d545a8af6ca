//! Sealed files in a map.

use std::collections::HashMap;
use std::io::{self, Cursor, Write};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use warbler_domain::TenantId;

use crate::backend::{BlobFiles, BlobReader, BlobWriter};

type Files = Arc<Mutex<HashMap<(TenantId, String), Bytes>>>;

/// Sealed files in a map.
#[derive(Default)]
pub(crate) struct MemoryBlobs(Files);

struct Writer {
    bytes: Vec<u8>,
    files: Files,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writer {
    fn finish(mut self: Box<Self>, header: &[u8], tenant: TenantId, name: &str) -> io::Result<()> {
        let room = self.bytes.get_mut(..header.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        room.copy_from_slice(header);
        self.files.lock().insert((tenant, name.to_owned()), Bytes::from(self.bytes));
        Ok(())
    }
}

impl BlobFiles for MemoryBlobs {
    fn create(&self, header: usize) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Writer { bytes: vec![0; header], files: Arc::clone(&self.0) }))
    }

    fn open(&self, tenant: TenantId, name: &str) -> io::Result<Option<Box<dyn BlobReader>>> {
        let found = self.0.lock().get(&(tenant, name.to_owned())).cloned();
        Ok(found.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn BlobReader>))
    }

    fn delete(&self, tenant: TenantId, name: &str) -> io::Result<()> {
        self.0.lock().remove(&(tenant, name.to_owned()));
        Ok(())
    }

    fn delete_all(&self, tenant: TenantId) -> io::Result<()> {
        self.0.lock().retain(|(owner, _), _| *owner != tenant);
        Ok(())
    }
}
