//! Blobs that begin with a mark, so that they never share a digest with a file of the same bytes that somebody sent:
//! deleting the one would delete the other. What a mark says is its keeper's affair.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use warbler_domain::ByteStream;

/// The bytes behind a mark.
pub(crate) fn with_mark(mark: Bytes, bytes: ByteStream) -> ByteStream {
    stream::iter([Ok(mark)]).chain(bytes).boxed()
}

/// What stands behind a mark of so many bytes.
pub(crate) fn behind_mark(mut mark: usize, marked: ByteStream) -> ByteStream {
    let bytes = marked.map_ok(move |mut piece| {
        let cut = mark.min(piece.len());
        mark -= cut;
        piece.split_off(cut)
    });
    bytes.try_filter(|piece| future::ready(!piece.is_empty())).boxed()
}
