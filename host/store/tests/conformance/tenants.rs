//! Tenants: nobody reaches another's data, and what was destroyed is gone.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use warbler_domain::{Append, Expect, Position, Sequence, StoreError, TenantScope};

use crate::host::{Host, conversation, idempotency, key, post, put, tenant};
use crate::on_every_backend;

async fn fill(host: &Host, scope: &TenantScope) -> [u8; 32] {
    let writes = vec![put("a/b", b"1", Expect::Any)];
    let append = Append { idempotency: Some(idempotency(1, 1)), writes, ..post(conversation(1), "secret") };
    host.log.append(scope, append).await.unwrap();
    host.blobs.put(scope, stream::iter([Ok(Bytes::from_static(b"file"))]).boxed(), 9).await.unwrap().0
}

async fn sees_nothing(host: &Host, scope: &TenantScope, digest: &[u8; 32]) {
    assert_eq!(host.log.head(scope, conversation(1)).await.unwrap(), Sequence(0));
    assert!(host.log.read_after(scope, conversation(1), Sequence(0), 9).await.unwrap().is_empty());
    assert!(host.log.read_before(scope, conversation(1), Sequence(9), 9).await.unwrap().is_empty());
    assert!(host.log.read_tenant(scope, Position(0), 9).await.unwrap().is_empty());
    assert!(host.log.find(scope, conversation(1), &idempotency(1, 2)).await.unwrap().is_none());
    assert!(host.state.get(scope, &key("a/b")).await.unwrap().is_none());
    assert!(host.state.scan(scope, &key("a"), None, 9).await.unwrap().is_empty());
    assert!(host.blobs.get(scope, digest).await.unwrap().is_none());
}

on_every_backend! {
    another_tenant_sees_nothing_even_of_the_same_names,
    a_tenant_that_was_never_made_can_keep_nothing,
    a_destroyed_tenant_is_gone_and_stays_gone,
    the_operator_has_a_key_from_the_start,
    making_a_tenant_again_keeps_its_key,
}

async fn another_tenant_sees_nothing_even_of_the_same_names(host: Host) {
    let digest = fill(&host, &host.one).await;
    sees_nothing(&host, &host.other, &digest).await;
    fill(&host, &host.other).await;
    assert_eq!(host.all(conversation(1)).await.len(), 1);
}

async fn a_tenant_that_was_never_made_can_keep_nothing(host: Host) {
    let nobody = tenant(99);
    assert!(!host.store.has_tenant(nobody.tenant()));
    assert!(matches!(host.log.append(&nobody, post(conversation(1), "x")).await, Err(StoreError::NoKey)));
    assert!(matches!(host.state.commit(&nobody, vec![put("a/b", b"", Expect::Any)]).await, Err(StoreError::NoKey)));
    assert!(matches!(host.state.get(&nobody, &key("a/b")).await, Err(StoreError::NoKey)));
    assert!(matches!(host.log.head(&nobody, conversation(1)).await, Err(StoreError::NoKey)));
    assert!(matches!(host.state.blind(&nobody, "a", b""), Err(StoreError::NoKey)));
    assert!(matches!(host.blobs.put(&nobody, stream::empty().boxed(), 9).await, Err(StoreError::NoKey)));
}

async fn a_destroyed_tenant_is_gone_and_stays_gone(host: Host) {
    let digest = fill(&host, &host.one).await;
    for number in 0..700 {
        host.append(post(conversation(2), &number.to_string())).await;
    }
    fill(&host, &host.other).await;
    host.store.destroy_tenant(host.one.tenant()).await.unwrap();
    assert!(!host.store.has_tenant(host.one.tenant()));
    assert!(matches!(host.log.append(&host.one, post(conversation(1), "x")).await, Err(StoreError::NoKey)));
    assert!(matches!(host.log.read_after(&host.one, conversation(1), Sequence(0), 9).await, Err(StoreError::NoKey)));
    host.store.destroy_tenant(host.one.tenant()).await.unwrap();
    // A tenant of the same identifier starts from nothing.
    host.store.create_tenant(host.one.tenant()).await.unwrap();
    sees_nothing(&host, &host.one, &digest).await;
    assert!(host.all(conversation(2)).await.is_empty());
    assert_eq!(host.append(post(conversation(1), "new")).await.position, Position(1));
    assert_eq!(host.log.head(&host.other, conversation(1)).await.unwrap(), Sequence(1));
}

async fn the_operator_has_a_key_from_the_start(host: Host) {
    let operator = TenantScope::operator();
    host.state.commit(&operator, vec![put("tenant/1", b"x", Expect::Absent)]).await.unwrap();
    assert!(host.state.get(&operator, &key("tenant/1")).await.unwrap().is_some());
}

async fn making_a_tenant_again_keeps_its_key(host: Host) {
    fill(&host, &host.one).await;
    host.store.create_tenant(host.one.tenant()).await.unwrap();
    assert_eq!(host.all(conversation(1)).await.len(), 1);
}
