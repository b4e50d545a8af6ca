//! Files: limits, digests, isolation.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use warbler_domain::{ByteStream, StoreError};

use crate::host::Host;
use crate::on_every_backend;

fn flow(bytes: &[u8], part: usize) -> ByteStream {
    let parts: Vec<_> = bytes.chunks(part).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts).boxed()
}

fn pattern(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

async fn read(host: &Host, digest: &[u8; 32]) -> Option<Vec<u8>> {
    let parts: Vec<Bytes> = host.blobs.get(&host.one, digest).await.unwrap()?.try_collect().await.unwrap();
    Some(parts.concat())
}

on_every_backend! {
    a_blob_of_any_length_reads_back_under_its_digest,
    a_blob_past_the_limit_is_refused_and_not_kept,
    a_blob_whose_sender_fails_is_not_kept,
    putting_the_same_twice_and_deleting_what_is_not_there_are_no_errors,
    another_tenant_neither_finds_nor_deletes_a_blob,
}

async fn a_blob_of_any_length_reads_back_under_its_digest(host: Host) {
    const CHUNK: usize = 64 * 1024;
    for (length, part) in [
        (0, 1),
        (1, 1),
        (CHUNK - 1, 1000),
        (CHUNK, CHUNK),
        (CHUNK + 1, CHUNK),
        (2 * CHUNK, 7 * CHUNK),
        (2 * CHUNK + 5, 4099),
    ] {
        let bytes = pattern(length);
        let (digest, kept) = host.blobs.put(&host.one, flow(&bytes, part), length as u64).await.unwrap();
        assert_eq!((digest, kept), (<[u8; 32]>::from(Sha256::digest(&bytes)), length as u64));
        assert_eq!(read(&host, &digest).await.unwrap(), bytes, "{length}");
    }
}

async fn a_blob_past_the_limit_is_refused_and_not_kept(host: Host) {
    let bytes = pattern(200_000);
    let refused = host.blobs.put(&host.one, flow(&bytes, 9000), 199_999).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: 199_999 })), "{refused:?}");
    assert!(read(&host, &Sha256::digest(&bytes).into()).await.is_none());
}

async fn a_blob_whose_sender_fails_is_not_kept(host: Host) {
    let parts = vec![Ok(Bytes::from_static(b"half")), Err(StoreError::Closed)];
    assert!(matches!(host.blobs.put(&host.one, stream::iter(parts).boxed(), 99).await, Err(StoreError::Closed)));
    assert!(read(&host, &Sha256::digest(b"half").into()).await.is_none());
}

async fn putting_the_same_twice_and_deleting_what_is_not_there_are_no_errors(host: Host) {
    let (first, _) = host.blobs.put(&host.one, flow(b"same", 4), 9).await.unwrap();
    let (second, _) = host.blobs.put(&host.one, flow(b"same", 1), 9).await.unwrap();
    assert_eq!(first, second);
    host.blobs.delete(&host.one, &first).await.unwrap();
    assert!(read(&host, &first).await.is_none());
    host.blobs.delete(&host.one, &first).await.unwrap();
}

async fn another_tenant_neither_finds_nor_deletes_a_blob(host: Host) {
    let (digest, _) = host.blobs.put(&host.one, flow(b"mine", 4), 9).await.unwrap();
    assert!(host.blobs.get(&host.other, &digest).await.unwrap().is_none());
    host.blobs.delete(&host.other, &digest).await.unwrap();
    assert_eq!(read(&host, &digest).await.unwrap(), b"mine");
}
