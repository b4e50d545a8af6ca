//! What stores say in XML. Only whole documents are read: one that was cut off is no answer.

use quick_xml::de::from_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An error (Amazon S3 API Reference, "Error responses").
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename = "Error")]
pub(crate) struct Error {
    #[serde(rename = "Code")]
    pub(crate) code: String,
    #[serde(rename = "Message")]
    pub(crate) message: String,
    #[serde(rename = "Region")]
    pub(crate) region: String,
}

/// One object of a list.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Object {
    #[serde(rename = "Key")]
    pub(crate) key: String,
    #[serde(rename = "Size")]
    pub(crate) size: u64,
}

/// A page of a list, from `ListObjectsV2`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename = "ListBucketResult")]
pub(crate) struct Listing {
    #[serde(rename = "IsTruncated")]
    pub(crate) truncated: bool,
    #[serde(rename = "NextContinuationToken")]
    pub(crate) next: Option<String>,
    #[serde(rename = "Contents", default)]
    pub(crate) objects: Vec<Object>,
}

/// An upload in parts that began.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename = "InitiateMultipartUploadResult")]
pub(crate) struct Upload {
    #[serde(rename = "UploadId")]
    pub(crate) id: String,
}

/// An upload in parts that was put together.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename = "CompleteMultipartUploadResult")]
pub(crate) struct Completed {
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
}

/// Reads a whole document with the root element `root`; `None` if it is anything else.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], root: &str) -> Option<T> {
    let text = std::str::from_utf8(body).ok()?;
    let closed = text.trim_end().strip_suffix('>')?.trim_end().ends_with(root);
    let opened = text.contains(&format!("<{root}"));
    if !closed || !opened { None } else { from_str(text).ok() }
}

/// Reads an error; an empty one if the body is none.
pub(crate) fn error(body: &[u8]) -> Error {
    read(body, "Error").unwrap_or_default()
}

/// `text` inside an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a&amp;/</Prefix>
        <KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>
        <Contents><Key>a/1&amp;</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>
        <Size>434234</Size><StorageClass>STANDARD</StorageClass></Contents>
        <Contents><Key>a/2</Key><Size>0</Size></Contents>
        <NextContinuationToken>1ueG+/=</NextContinuationToken></ListBucketResult>
        "#;

    #[test]
    fn a_page_is_read_with_its_token() {
        let listing: Listing = read(LIST.as_bytes(), "ListBucketResult").unwrap();
        assert!(listing.truncated);
        assert_eq!(listing.next.as_deref(), Some("1ueG+/="));
        let objects = [Object { key: "a/1&".into(), size: 434_234 }, Object { key: "a/2".into(), size: 0 }];
        assert_eq!(listing.objects, objects);
    }

    #[test]
    fn a_document_that_was_cut_off_anywhere_is_no_answer() {
        let whole = LIST.trim_end();
        for end in 0..whole.len() {
            assert_eq!(read::<Listing>(&whole.as_bytes()[..end], "ListBucketResult"), None, "cut at {end}");
        }
        assert_eq!(read::<Listing>(b"<html><body>Welcome</body></html>", "ListBucketResult"), None);
    }

    #[test]
    fn an_error_gives_its_code_and_what_is_none_gives_nothing() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message><X>y</X></Error>";
        let expected = Error { code: "AccessDenied".into(), message: "no".into(), region: String::new() };
        assert_eq!(error(body), expected);
        assert_eq!(error(b"Bad Gateway"), Error::default());
    }
}
