//! Uploads in parts: for blobs that would take too long, or too much memory, in one request. Nothing of
//! an upload is seen before it is put together; what was begun and failed is taken back.

use std::fmt::Write as _;

use sink_kit::Piece;
use warbler_sdk::Failure;
use warbler_sdk::http::Response;

use crate::sign::payload_hash;
use crate::store::{Ask, Store};
use crate::{fault, xml};

impl Store<'_> {
    /// Keeps a blob in parts.
    pub(crate) fn put_in_parts(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let response = self.send(&Ask { query: &[("uploads", "")], ..Ask::object("POST", name) })?;
        let begun =
            (response.status == 200).then(|| xml::read::<xml::Upload>(&response.body, "InitiateMultipartUploadResult"));
        let upload = match begun {
            Some(Some(upload)) => upload.id,
            // It said that an upload began, and not which: nothing can be taken back, and nothing is seen of it.
            Some(None) => return Err(Failure::Unavailable(1_000)),
            None => return Err(fault::read(&response)),
        };
        let put = self.put_parts(name, &upload, bytes).and_then(|parts| self.complete(name, &upload, &parts, bytes));
        if put.is_err() {
            let abort = Ask { query: &[("uploadId", &upload)], ..Ask::object("DELETE", name) };
            self.call.clean_up(self.request(&abort, &payload_hash(b"")));
        }
        put
    }

    /// Sends the parts, and gives the list of them that puts them together.
    fn put_parts(&self, name: &str, upload: &str, bytes: &[u8]) -> Result<String, Failure> {
        let mut list = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (number, part) in (1..).zip(bytes.chunks(self.config.part_size)) {
            let number: u32 = number;
            let query = [("partNumber", &*number.to_string()), ("uploadId", upload)];
            let response = self.send(&Ask { query: &query, body: part, ..Ask::object("PUT", name) })?;
            let etag = etag(&response).filter(|_| response.status == 200);
            let etag = etag.ok_or_else(|| about_upload(&response))?;
            // Writing into a string does not fail.
            let _ = write!(list, "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", xml::escape(etag));
        }
        list.push_str("</CompleteMultipartUpload>");
        Ok(list)
    }

    /// Puts the parts together.
    fn complete(&self, name: &str, upload: &str, parts: &str, bytes: &[u8]) -> Result<(), Failure> {
        let query = [("uploadId", upload)];
        let response = self.send(&Ask { query: &query, body: parts.as_bytes(), ..Ask::object("POST", name) })?;
        // Status 200 is sent before the work is done, so that only the body tells how it ended.
        let done = xml::read::<xml::Completed>(&response.body, "CompleteMultipartUploadResult");
        if response.status == 200 && done.is_some_and(|done| !done.etag.is_empty()) {
            return Ok(());
        }
        // An earlier attempt may have got through without its answer getting back.
        if xml::error(&response.body).code == "NoSuchUpload" && self.is_whole(name, bytes)? {
            return Ok(());
        }
        Err(about_upload(&response))
    }

    /// Whether the blob is there with these bytes, by its length and its last bytes.
    fn is_whole(&self, name: &str, bytes: &[u8]) -> Result<bool, Failure> {
        let from = bytes.len().saturating_sub(LAST);
        let range = format!("bytes={from}-{}", bytes.len().saturating_sub(1));
        let response = self.send(&Ask { range: Some(&range), ..Ask::object("GET", name) })?;
        let read = Piece::read(response, from as u64, LAST as u64);
        let Some(Ok(Piece::Bytes(end, total))) = read else { return Ok(false) };
        Ok(total == Some(bytes.len() as u64) && bytes.ends_with(&end) && !end.is_empty())
    }
}

/// How many bytes at a blob's end are compared.
const LAST: usize = 4_096;

fn etag(response: &Response) -> Option<&str> {
    response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("etag")).map(|(_, value)| value.as_str())
}

/// An answer about an upload that vanished, or that says nothing, is one to try again after: the next call
/// begins an upload of its own.
fn about_upload(response: &Response) -> Failure {
    let code = xml::error(&response.body).code;
    let vanished = matches!(code.as_str(), "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder");
    if vanished || (response.status == 200 && code.is_empty()) {
        return Failure::Unavailable(1_000);
    }
    fault::read(response)
}
