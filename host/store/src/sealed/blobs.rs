//! Files: sealed in chunks as they flow. The disk is never touched on a task's own thread.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::task::spawn_blocking;
use warbler_domain::{Blobs, ByteStream, StoreError, TenantScope};

use super::state::hex;
use crate::backend::{BlobFiles, BlobReader, BlobWriter};
use crate::seal::{BlobKey, CHUNK, HEADER, Keyring, TAG, TenantKey};

const CORRUPT: StoreError = StoreError::Corrupt { what: "blob" };

/// Files.
pub(crate) struct SealedBlobs {
    pub(crate) files: Arc<dyn BlobFiles>,
    pub(crate) keys: Arc<Keyring>,
}

#[async_trait]
impl Blobs for SealedBlobs {
    async fn put(&self, scope: &TenantScope, mut bytes: ByteStream, limit: u64) -> Result<([u8; 32], u64), StoreError> {
        let tenant = scope.tenant();
        let key = self.keys.get(tenant)?;
        let files = Arc::clone(&self.files);
        let blob_key = BlobKey::fresh(&key)?;
        let file = blocking("making a blob", move || files.create(HEADER)).await?;
        let mut put = Put { file, key: blob_key, chunk: Vec::with_capacity(CHUNK + TAG) };
        let (mut digest, mut length) = (Context::new(&SHA256), 0_u64);
        while let Some(part) = bytes.next().await {
            let mut part = part?;
            length = length.saturating_add(part.len() as u64);
            if length > limit {
                return Err(StoreError::TooLarge { limit });
            }
            digest.update(&part);
            while put.chunk.len() + part.len() > CHUNK {
                let room = CHUNK - put.chunk.len();
                put.chunk.extend_from_slice(&part.split_to(room));
                put = put.write(false).await?;
            }
            put.chunk.extend_from_slice(&part);
        }
        let digest: [u8; 32] = digest.finish().as_ref().try_into().map_err(|_| CORRUPT)?;
        let name = name(&key, &digest)?;
        let put = put.write(true).await?;
        let header = put.key.header(&name, &digest, length)?;
        blocking("keeping a blob", move || put.file.finish(&header, tenant, &name)).await?;
        Ok((digest, length))
    }

    async fn get(&self, scope: &TenantScope, digest: &[u8; 32]) -> Result<Option<ByteStream>, StoreError> {
        let tenant = scope.tenant();
        let key = self.keys.get(tenant)?;
        let name = name(&key, digest)?;
        let files = Arc::clone(&self.files);
        let opened = spawn_blocking(move || open(&*files, &key, tenant, &name)).await.map_err(ended)??;
        let Some((get, kept)) = opened else { return Ok(None) };
        if kept != *digest {
            return Err(CORRUPT);
        }
        let chunks = stream::try_unfold(Some(get), |get| async move {
            let Some(get) = get else { return Ok(None) };
            spawn_blocking(move || get.next()).await.map_err(ended)?.map(Some)
        });
        Ok(Some(chunks.boxed()))
    }

    async fn delete(&self, scope: &TenantScope, digest: &[u8; 32]) -> Result<(), StoreError> {
        let tenant = scope.tenant();
        let name = name(&*self.keys.get(tenant)?, digest)?;
        let files = Arc::clone(&self.files);
        blocking("deleting a blob", move || files.delete(tenant, &name)).await
    }
}

/// The file name of a digest: keyed, since a digest tells who has a file that is known elsewhere.
fn name(key: &TenantKey, digest: &[u8; 32]) -> Result<String, StoreError> {
    Ok(hex(key.blind("blob", digest)?.iter()))
}

/// A file that is being written.
struct Put {
    file: Box<dyn BlobWriter>,
    key: BlobKey,
    chunk: Vec<u8>,
}

impl Put {
    /// Seals and writes the chunk that has gathered.
    async fn write(mut self, last: bool) -> Result<Self, StoreError> {
        spawn_blocking(move || {
            self.key.seal_next(last, &mut self.chunk)?;
            self.file.write_all(&self.chunk).map_err(failed("writing a blob"))?;
            self.chunk.clear();
            Ok(self)
        })
        .await
        .map_err(ended)?
    }
}

/// A file that is being read.
struct Get {
    file: Box<dyn BlobReader>,
    key: BlobKey,
    left: u64,
}

fn open(
    files: &dyn BlobFiles,
    key: &TenantKey,
    tenant: warbler_domain::TenantId,
    name: &str,
) -> Result<Option<(Get, [u8; 32])>, StoreError> {
    let Some(mut file) = files.open(tenant, name).map_err(failed("opening a blob"))? else { return Ok(None) };
    let mut header = [0; HEADER];
    file.read_exact(&mut header).map_err(cut_off)?;
    let (key, digest, left) = BlobKey::open(key, name, &header)?;
    Ok(Some((Get { file, key, left }, digest)))
}

impl Get {
    /// The next chunk, and what is left to read after it.
    fn next(mut self) -> Result<(Bytes, Option<Self>), StoreError> {
        // The writer puts a full chunk out only when more follows, so the last one may be full.
        let last = self.left <= CHUNK as u64;
        let length = if last { usize::try_from(self.left).unwrap_or(CHUNK) } else { CHUNK };
        let mut chunk = vec![0; length + TAG];
        self.file.read_exact(&mut chunk).map_err(cut_off)?;
        self.key.open_next(last, &mut chunk)?;
        self.left -= chunk.len() as u64;
        Ok((Bytes::from(chunk), (!last).then_some(self)))
    }
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(ended)?.map_err(failed(doing))
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, source: Box::new(source) }
}

/// A file that ends too early was cut off, which is not the disk's failure.
fn cut_off(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::UnexpectedEof { CORRUPT } else { failed("reading a blob")(error) }
}

/// The runtime is shutting down.
fn ended(_: tokio::task::JoinError) -> StoreError {
    StoreError::Closed
}
