//! Packages as blobs of their tenant. Each is kept behind a short heading, so that it never shares a
//! blob with a file of the same bytes that someone attached to a message: deleting one would delete both.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use warbler_domain::{Blobs, StoreError, TenantScope};
use warbler_package::Digest;

use crate::ServiceError;

/// What stands before every package.
pub(super) const HEADING: &[u8] = b"warbler package\n";

/// Keeps a package, and gives the digest under which it is found.
pub(super) async fn put(blobs: &Arc<dyn Blobs>, scope: &TenantScope, package: &Bytes) -> Result<Digest, ServiceError> {
    let length = HEADING.len() + package.len();
    let parts = stream::iter([Ok(Bytes::from_static(HEADING)), Ok(package.clone())]).boxed();
    let (digest, _) = blobs.put(scope, parts, u64::try_from(length).unwrap_or(u64::MAX)).await?;
    Ok(Digest::from(digest))
}

/// The package that is kept under `blob`.
pub(super) async fn get(blobs: &Arc<dyn Blobs>, scope: &TenantScope, blob: Digest) -> Result<Bytes, StoreError> {
    let missing = StoreError::Corrupt { what: "package" };
    let Some(stream) = blobs.get(scope, blob.as_bytes()).await? else {
        return Err(missing);
    };
    let bytes = stream
        .try_fold(BytesMut::new(), |mut bytes, part| async move {
            bytes.extend_from_slice(&part);
            Ok(bytes)
        })
        .await?
        .freeze();
    if !bytes.starts_with(HEADING) {
        return Err(missing);
    }
    Ok(bytes.slice(HEADING.len()..))
}

/// Forgets a package. It is out of use, so a failure is only noted.
pub(super) async fn forget(blobs: &Arc<dyn Blobs>, scope: &TenantScope, blob: Digest) {
    if let Err(error) = blobs.delete(scope, blob.as_bytes()).await {
        tracing::warn!(tenant = %scope.tenant(), %error, "a package that is out of use was left in the store");
    }
}
