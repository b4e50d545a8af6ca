//! Records that were moved, changed or cut off do not open, and nothing in them is readable.

use std::io::{Cursor, Read as _, Write as _};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use warbler_domain::{Position, Sequence, StoreError};

use super::*;
use crate::backend::memory::MemoryRecords;
use crate::layout::{self, Kind};
use crate::seal::{CHUNK, HEADER, TAG};

const SECRET: &str = "marzipan-under-the-oak";

/// Copies the record at one raw key to another.
fn copy(records: &dyn Records, from: &[u8], to: Vec<u8>) {
    let value = records.get(from).unwrap().unwrap();
    overwrite(records, to, Some(value));
}

fn corrupt<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
}

#[tokio::test]
async fn an_event_moved_to_another_place_conversation_or_tenant_does_not_open() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    for scope in [ONE, OTHER] {
        for number in [1, 2] {
            store.log().append(&scope, post(number, SECRET)).await.unwrap();
        }
    }
    let place =
        |scope: TenantScope, number, sequence| layout::event(scope.tenant(), conversation(number), Sequence(sequence));
    for (scope, number, sequence) in [(ONE, 1, 2), (ONE, 2, 1), (OTHER, 1, 1)] {
        copy(&*records, &place(ONE, 1, 1), place(scope, number, sequence));
        corrupt(&store.log().read_before(&scope, conversation(number), Sequence(9), 1).await);
    }
    corrupt(&store.log().read_tenant(&OTHER, Position(0), 1).await);
    assert_eq!(title(&store.log().read_after(&ONE, conversation(1), Sequence(0), 1).await.unwrap()[0]), SECRET);
}

#[tokio::test]
async fn a_value_of_state_moved_to_another_key_family_or_tenant_does_not_open() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    store.state().commit(&ONE, vec![put("a/1", SECRET), put("a/1", "second")]).await.unwrap();
    let from = layout::state(ONE.tenant(), &key("a/1"));
    for (scope, to) in [(ONE, "a/2"), (ONE, "b/1"), (OTHER, "a/1")] {
        copy(&*records, &from, layout::state(scope.tenant(), &key(to)));
        corrupt(&store.state().get(&scope, &key(to)).await);
        corrupt(&store.state().scan(&scope, &key(to), None, 9).await);
    }
    assert!(store.state().get(&ONE, &key("a/1")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_version_that_was_changed_makes_its_value_not_open() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    store.state().commit(&ONE, vec![put("a/1", SECRET)]).await.unwrap();
    let at = layout::state(ONE.tenant(), &key("a/1"));
    let mut value = records.get(&at).unwrap().unwrap().to_vec();
    value[7] += 1;
    overwrite(&*records, at, Some(value.into()));
    corrupt(&store.state().get(&ONE, &key("a/1")).await);
}

#[tokio::test]
async fn an_idempotency_entry_moved_to_another_key_or_changed_lets_nothing_through() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    for title in ["first", "second"] {
        store.log().append(&ONE, post(1, title)).await.unwrap();
    }
    let append = Append { idempotency: Some(idempotency(1)), ..post(1, SECRET) };
    store.log().append(&ONE, append).await.unwrap();
    let place = |to, by: u8| layout::idempotency(ONE.tenant(), conversation(to), &[by; 16]);
    let whole = records.get(&place(1, 1)).unwrap().unwrap();
    let refused = async |to, by| {
        let found = store.log().find(&ONE, conversation(to), &idempotency(by)).await;
        let append = Append { idempotency: Some(idempotency(by)), ..post(to, SECRET) };
        let again = store.log().append(&ONE, append).await;
        assert!(matches!(found, Err(StoreError::KeyReused | StoreError::Corrupt { .. })), "{found:?}");
        assert!(matches!(again, Err(StoreError::KeyReused | StoreError::Corrupt { .. })), "{again:?}");
    };
    for (to, by) in [(1, 2), (2, 1)] {
        copy(&*records, &place(1, 1), place(to, by));
        refused(to, by).await;
    }
    for at in 0..whole.len() {
        let mut changed = whole.to_vec();
        changed[at] ^= 1;
        for damaged in [Bytes::from(changed), whole.slice(..at)] {
            overwrite(&*records, place(1, 1), Some(damaged));
            refused(1, 1).await;
        }
    }
    assert_eq!(store.log().head(&ONE, conversation(1)).await.unwrap(), Sequence(3));
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_makes_a_record_not_open() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    store.log().append(&ONE, post(1, "x")).await.unwrap();
    store.state().commit(&ONE, vec![put("a/1", "x")]).await.unwrap();
    let event = layout::event(ONE.tenant(), conversation(1), Sequence(1));
    let state = layout::state(ONE.tenant(), &key("a/1"));
    for at in [event, state] {
        let whole = records.get(&at).unwrap().unwrap();
        for place in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[place] ^= 0x10;
            for damaged in [Bytes::from(changed), whole.slice(..place)] {
                overwrite(&*records, at.clone(), Some(damaged));
                if at[0] == Kind::Event.byte() {
                    corrupt(&store.log().read_after(&ONE, conversation(1), Sequence(0), 9).await);
                } else {
                    corrupt(&store.state().get(&ONE, &key("a/1")).await);
                }
            }
        }
    }
}

#[tokio::test]
async fn nothing_a_person_wrote_is_readable_in_any_raw_key_or_value() {
    let records = Arc::new(MemoryRecords::default());
    let store = over(records.clone()).await;
    let writes =
        vec![put(&format!("login/{}", store.state().blind(&ONE, "login", SECRET.as_bytes()).unwrap()), SECRET)];
    let append = Append { writes, idempotency: Some(idempotency(1)), ..post(1, SECRET) };
    store.log().append(&ONE, append).await.unwrap();
    let mut seen = 0;
    for kind in Kind::RECORDS {
        for (key, value) in records.range(&layout::all_of(kind, ONE.tenant()), &|_| false, 99).unwrap() {
            seen += 1;
            for bytes in [&key, &value.to_vec()] {
                assert!(!bytes.windows(8).any(|window| SECRET.as_bytes().windows(8).any(|secret| secret == window)));
            }
        }
    }
    assert_eq!(seen, 5);
}

/// The bytes of the only file there is.
fn bytes_of(files: &dyn BlobFiles, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    files.open(ONE.tenant(), name).unwrap().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn replace(files: &dyn BlobFiles, scope: TenantScope, name: &str, bytes: &[u8]) {
    let (header, rest) = bytes.split_at(bytes.len().min(HEADER));
    let mut file = files.create(header.len()).unwrap();
    file.write_all(rest).unwrap();
    file.finish(header, scope.tenant(), name).unwrap();
}

async fn read_blob(store: &Store, scope: TenantScope, digest: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
    let Some(stream) = store.blobs().get(&scope, digest).await? else { panic!("the file is there") };
    let parts: Vec<Bytes> = stream.try_collect().await?;
    Ok(parts.concat())
}

async fn put_blob(store: &Store, scope: TenantScope, bytes: &[u8]) -> [u8; 32] {
    let flow = stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
    store.blobs().put(&scope, flow, u64::MAX).await.unwrap().0
}

fn name_of(digest: &[u8; 32], store_keys: &SharedKeys, scope: TenantScope) -> String {
    let keys = crate::seal::Keyring::open(Box::new(store_keys.clone()), MasterKey::from_bytes([1; 32]), true).unwrap();
    let name = keys.get(scope.tenant()).unwrap().blind("blob", digest).unwrap();
    name.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_blob_that_was_changed_cut_off_reordered_or_moved_does_not_open() {
    let files = Arc::new(MemoryBlobs::default());
    let keys = SharedKeys::default();
    let store = store(Arc::new(MemoryRecords::default()), files.clone(), keys.clone()).await;
    let plain: Vec<u8> = (0..3 * CHUNK).map(|at| at.to_le_bytes()[2]).collect();
    let digest = put_blob(&store, ONE, &plain).await;
    let name = name_of(&digest, &keys, ONE);
    let whole = bytes_of(&*files, &name);
    assert_eq!(whole.len(), HEADER + 3 * (CHUNK + TAG));
    let sealed = CHUNK + TAG;
    let mut swapped = whole.clone();
    swapped[HEADER..HEADER + 2 * sealed].rotate_left(sealed);
    let without_last = whole[..HEADER + 2 * sealed].to_vec();
    let mut damages =
        vec![swapped, without_last, Vec::new(), whole[..HEADER].to_vec(), whole[..whole.len() - 1].to_vec()];
    for place in [0, 1, 17, 30, HEADER - 1, HEADER, HEADER + sealed - 1, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        damages.push(changed);
    }
    for damaged in damages {
        replace(&*files, ONE, &name, &damaged);
        corrupt(&read_blob(&store, ONE, &digest).await);
    }
    replace(&*files, ONE, &name, &whole);
    assert_eq!(read_blob(&store, ONE, &digest).await.unwrap(), plain);
    // Under the name of another file, and at another tenant.
    let other = put_blob(&store, ONE, b"other").await;
    replace(&*files, ONE, &name_of(&other, &keys, ONE), &whole);
    corrupt(&read_blob(&store, ONE, &other).await);
    let theirs = put_blob(&store, OTHER, &plain).await;
    replace(&*files, OTHER, &name_of(&theirs, &keys, OTHER), &whole);
    corrupt(&read_blob(&store, OTHER, &theirs).await);
}

#[tokio::test]
async fn a_sealed_file_shows_neither_its_digest_nor_its_content() {
    let files = Arc::new(MemoryBlobs::default());
    let keys = SharedKeys::default();
    let store = store(Arc::new(MemoryRecords::default()), files.clone(), keys.clone()).await;
    let digest = put_blob(&store, ONE, SECRET.repeat(10).as_bytes()).await;
    let name = name_of(&digest, &keys, ONE);
    let mut bytes = Cursor::new(bytes_of(&*files, &name)).into_inner();
    bytes.extend_from_slice(name.as_bytes());
    assert!(!bytes.windows(8).any(|window| digest.windows(8).any(|part| part == window)));
    assert!(!bytes.windows(8).any(|window| SECRET.as_bytes().starts_with(window)));
}
