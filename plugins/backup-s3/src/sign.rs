//! Signature Version 4 in the header `authorization`, for S3.
//!
//! Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS
//! Signature Version 4)". The tests are the examples of that page.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// The keys that a store gave out. They have no `Debug`, because they are secret.
pub struct Keys {
    id: String,
    secret: String,
    session: Option<String>,
}

impl Keys {
    /// These keys; a session token belongs to temporary ones.
    #[must_use]
    pub fn new(id: String, secret: String, session: Option<String>) -> Self {
        Self { id, secret, session }
    }
}

/// When a request is signed, in the two forms that a signature has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// `YYYYMMDD'T'HHMMSS'Z'`.
    full: String,
}

impl Moment {
    /// So many milliseconds after the Unix epoch. What is beyond the year 9999 counts as the epoch.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        let seconds = i64::try_from(millis / 1_000).unwrap_or_default();
        let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
        let (hour, minute, second) = time.to_hms();
        Self { full: format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z") }
    }

    fn day(&self) -> &str {
        self.full.get(..8).unwrap_or_default()
    }
}

/// What a signature is made from, beside the keys.
pub struct Signing<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Encoded once, as it is sent.
    pub path: &'a str,
    /// Names and values, encoded as they are sent.
    pub query: &'a [(String, String)],
    /// Host and port, as the header `host` has them.
    pub host: &'a str,
    /// More headers that are signed, in lower case.
    pub headers: &'a [(&'a str, String)],
    /// SHA-256 of the body, in hexadecimal digits.
    pub payload_hash: &'a str,
    /// The store's region.
    pub region: &'a str,
    /// Now.
    pub at: &'a Moment,
}

impl Signing<'_> {
    /// All headers that the request needs beside `host`: those that were named, those of the signature,
    /// and `authorization`.
    #[must_use]
    pub fn sign(&self, keys: &Keys) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        headers.push(("x-amz-content-sha256".into(), self.payload_hash.into()));
        headers.push(("x-amz-date".into(), self.at.full.clone()));
        if let Some(token) = &keys.session {
            headers.push(("x-amz-security-token".into(), token.trim().into()));
        }
        let mut signed = headers.clone();
        signed.push(("host".into(), self.host.into()));
        signed.sort();
        let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let scope = format!("{}/{}/s3/aws4_request", self.at.day(), self.region);
        let request = hex(&Sha256::digest(self.canonical_request(&signed, &names)));
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{request}", self.at.full);
        let signature = hex(&hmac(&self.key(keys), to_sign.as_bytes()));
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", keys.id);
        headers.push(("authorization".into(), authorization));
        headers
    }

    fn canonical_request(&self, signed: &[(String, String)], names: &str) -> String {
        let mut query = self.query.to_vec();
        query.sort();
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let headers = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim()));
        let headers = headers.collect::<Vec<_>>().concat();
        let path = if self.path.is_empty() { "/" } else { self.path };
        format!("{}\n{path}\n{query}\n{headers}\n{names}\n{}", self.method, self.payload_hash)
    }

    /// The key of this day, region and service.
    fn key(&self, keys: &Keys) -> Vec<u8> {
        let day = hmac(format!("AWS4{}", keys.secret).as_bytes(), self.at.day().as_bytes());
        [self.region, "s3", "aws4_request"].iter().fold(day, |key, part| hmac(&key, part.as_bytes()))
    }
}

/// SHA-256 of a body, as a request has to name it.
#[must_use]
pub fn payload_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length serves, so there is no error to tell of; an empty code fails at the store.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// 2013-05-24T00:00:00Z, the day of the published examples.
    const AT: u64 = 1_369_353_600_000;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn signature(method: &str, path: &str, query: &[(&str, &str)], headers: &[(&str, String)], body: &[u8]) -> String {
        let keys = Keys::new("AKIAIOSFODNN7EXAMPLE".into(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(), None);
        let signing = Signing {
            method,
            path,
            query: &pairs(query),
            host: "examplebucket.s3.amazonaws.com",
            headers,
            payload_hash: &payload_hash(body),
            region: "us-east-1",
            at: &Moment::from_millis(AT),
        };
        let headers = signing.sign(&keys);
        let authorization = &headers.iter().find(|(name, _)| name == "authorization").unwrap().1;
        assert!(authorization.contains("Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"));
        authorization.rsplit_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn a_read_of_a_range_is_signed_as_published() {
        let range = [("range", "bytes=0-9".to_owned())];
        let expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert_eq!(signature("GET", "/test.txt", &[], &range, b""), expected);
    }

    #[test]
    fn a_write_with_more_headers_is_signed_as_published() {
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
        ];
        let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert_eq!(signature("PUT", "/test%24file.text", &[], &headers, b"Welcome to Amazon S3."), expected);
    }

    #[test]
    fn a_query_is_signed_as_published() {
        let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
        assert_eq!(signature("GET", "/", &[("lifecycle", "")], &[], b""), lifecycle);
        let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert_eq!(signature("GET", "", &[("prefix", "J"), ("max-keys", "2")], &[], b""), list);
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let keys = Keys::new("id".into(), "secret".into(), Some("token".into()));
        let signing = Signing {
            method: "GET",
            path: "/",
            query: &[],
            host: "a",
            headers: &[],
            payload_hash: &payload_hash(b""),
            region: "eu",
            at: &Moment::from_millis(AT),
        };
        let headers = signing.sign(&keys);
        assert!(headers.contains(&("x-amz-security-token".into(), "token".into())));
        assert!(
            headers
                .last()
                .unwrap()
                .1
                .contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,")
        );
    }

    #[test]
    fn moments_are_written_in_utc_to_the_second() {
        for (millis, text) in
            [(AT + 999, "20130524T000000Z"), (0, "19700101T000000Z"), (1_709_210_096_000, "20240229T123456Z")]
        {
            assert_eq!(Moment::from_millis(millis).full, text);
        }
        assert_eq!(Moment::from_millis(u64::MAX).full, "19700101T000000Z");
    }
}
