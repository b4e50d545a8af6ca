//! Reading a part of a blob in pieces, because the host's answers to a plugin are limited in length.

use warbler_sdk::Failure;
use warbler_sdk::http::Response;

use crate::call::{header, retry_after};

/// Bytes asked for at a time: the host's limit for the body of a response, unless its operator set a lower one.
const PIECE: u64 = 4 << 20;
/// The least that is asked for at a time before giving up on the host's limit.
const LEAST_PIECE: u64 = 64 << 10;

/// What a server said to a request with a `range`.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes from where they were asked for, and the length of the whole blob if it is known.
    Bytes(Vec<u8>, Option<u64>),
    /// The blob is there and ends before the range.
    BeyondEnd,
    /// There is no such blob.
    Missing,
}

impl Piece {
    /// Reads an answer of status 200, 206, 404 or 416 to a request for `length` bytes from `offset`;
    /// `None` for any other status.
    ///
    /// # Errors
    /// `Unavailable` if the answer is about another range than was asked for, or was torn.
    #[must_use]
    pub fn read(response: Response, offset: u64, length: u64) -> Option<Result<Self, Failure>> {
        match response.status {
            404 => Some(Ok(Self::Missing)),
            416 => Some(Ok(Self::BeyondEnd)),
            206 => Some(partial(response, offset, length)),
            // A server may leave ranges aside (RFC 9110, section 14.2) and send everything.
            200 => Some(Ok(cut(response.body, offset, length))),
            _ => None,
        }
    }
}

fn partial(response: Response, offset: u64, length: u64) -> Result<Piece, Failure> {
    let range = header(&response, "content-range").and_then(content_range);
    let sent = response.body.len() as u64;
    let Some((first, last, total)) = range else { return Err(retry_after(&response)) };
    let announced = last.saturating_sub(first).saturating_add(1);
    if first != offset || announced != sent || sent > length || sent == 0 {
        return Err(retry_after(&response));
    }
    Ok(Piece::Bytes(response.body, total))
}

fn cut(body: Vec<u8>, offset: u64, length: u64) -> Piece {
    let total = body.len() as u64;
    if offset >= total {
        return Piece::BeyondEnd;
    }
    let bytes = body.into_iter().skip(usize(offset)).take(usize(length)).collect();
    Piece::Bytes(bytes, Some(total))
}

/// `bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4); the total may be `*`.
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()))
}

/// Reads at most `length` bytes from `offset`, with `ask(range, offset, length)` for each piece, where `range`
/// is the value of the header. `None` if there is no such blob.
///
/// # Errors
/// Whatever `ask` fails with.
pub fn read_in_pieces(
    offset: u64,
    length: u64,
    mut ask: impl FnMut(&str, u64, u64) -> Result<Piece, Failure>,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    let mut piece = PIECE;
    loop {
        let have = bytes.len() as u64;
        // Nothing is asked for by a range of one byte, because a range cannot be empty: it tells whether
        // the blob is there.
        let want = (length - have).min(piece).max(1);
        let Some(from) = offset.checked_add(have) else { return Ok(Some(bytes)) };
        let range = format!("bytes={from}-{}", from.saturating_add(want - 1));
        match ask(&range, from, want) {
            Ok(Piece::Missing) if bytes.is_empty() => return Ok(None),
            // It was there a moment ago: whoever asks again learns that it is gone.
            Ok(Piece::Missing) => return Err(Failure::Unavailable(1_000)),
            Ok(Piece::BeyondEnd) => return Ok(Some(bytes)),
            Ok(Piece::Bytes(_, _)) if length == 0 => return Ok(Some(bytes)),
            Ok(Piece::Bytes(more, total)) => {
                bytes.extend(more);
                let have = bytes.len() as u64;
                let ended = total.is_some_and(|total| offset.saturating_add(have) >= total);
                if have >= length || ended {
                    return Ok(Some(bytes));
                }
            }
            Err(Failure::Unsupported(_)) if piece > LEAST_PIECE => piece /= 4,
            Err(failure) => return Err(failure),
        }
    }
}

fn usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(body: &[u8], range: &str) -> Response {
        Response { status: 206, headers: vec![("Content-Range".into(), range.into())], body: body.to_vec() }
    }

    /// A server with one blob, whose answers are no longer than `limit`.
    fn serve(blob: &[u8], limit: usize) -> impl FnMut(&str, u64, u64) -> Result<Piece, Failure> {
        move |_, offset, length| {
            let blob = blob.get(usize(offset)..).unwrap_or_default();
            if blob.is_empty() {
                return Ok(Piece::BeyondEnd);
            }
            let body = &blob[..blob.len().min(usize(length))];
            if body.len() > limit {
                return Err(Failure::Unsupported("too long".into()));
            }
            Ok(Piece::Bytes(body.to_vec(), None))
        }
    }

    #[test]
    fn pieces_come_together_whatever_the_hosts_limit_is() {
        let blob: Vec<u8> = (0..9_000_000_u32).map(|number| (number % 251) as u8).collect();
        for limit in [usize::MAX, 4 << 20, 300_000] {
            assert!(read_in_pieces(0, u64::MAX, serve(&blob, limit)) == Ok(Some(blob.clone())), "{limit}");
            assert!(read_in_pieces(7, 5_000_000, serve(&blob, limit)) == Ok(Some(blob[7..5_000_007].to_vec())));
        }
        assert_eq!(read_in_pieces(0, 5, serve(b"abc", 9)), Ok(Some(b"abc".to_vec())));
    }

    #[test]
    fn the_edges_of_a_blob_are_no_errors() {
        assert_eq!(read_in_pieces(0, 0, serve(b"abc", 9)), Ok(Some(Vec::new())));
        assert_eq!(read_in_pieces(3, 9, serve(b"abc", 9)), Ok(Some(Vec::new())));
        assert_eq!(read_in_pieces(u64::MAX, u64::MAX, serve(b"abc", 9)), Ok(Some(Vec::new())));
        assert_eq!(read_in_pieces(0, 9, serve(b"", 9)), Ok(Some(Vec::new())));
        assert_eq!(read_in_pieces(0, 0, |_, _, _| Ok(Piece::Missing)), Ok(None));
    }

    #[test]
    fn an_answer_about_another_range_is_not_believed() {
        let read = |response| Piece::read(response, 2, 3);
        assert_eq!(read(part(b"cde", "bytes 2-4/9")), Some(Ok(Piece::Bytes(b"cde".to_vec(), Some(9)))));
        for (body, range) in [
            (&b"cde"[..], "bytes 3-5/9"),
            (b"cd", "bytes 2-4/9"),
            (b"cdef", "bytes 2-5/9"),
            (b"cde", "2-4"),
            (b"", "bytes 2-1/9"),
        ] {
            assert!(matches!(read(part(body, range)), Some(Err(Failure::Unavailable(_)))), "{range}");
        }
        let whole = Response { status: 200, headers: Vec::new(), body: b"abcdefg".to_vec() };
        assert_eq!(read(whole), Some(Ok(Piece::Bytes(b"cde".to_vec(), Some(7)))));
    }
}
