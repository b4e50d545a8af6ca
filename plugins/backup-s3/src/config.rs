//! The configuration: where the store is. The form that admins fill in is in `manifest.json`; both say
//! the same. Keys are secrets, and no part of it.

use serde::Deserialize;
use sink_kit::{Endpoint, Prefix};

/// The least size of a part, in MiB: S3 takes smaller ones only at the end of an upload.
const LEAST_PART_MIB: u32 = 5;
/// The greatest size of a part, in MiB: a blob is no larger.
const GREATEST_PART_MIB: u32 = 32;

/// How the bucket stands in addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// `https://endpoint/bucket/key`: every store of one's own understands it.
    #[default]
    Path,
    /// `https://bucket.endpoint/key`: what the large providers ask for.
    VirtualHost,
}

/// The fields as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    endpoint: String,
    bucket: String,
    #[serde(default = "region")]
    region: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    style: Style,
    #[serde(default = "part_size")]
    part_size_mib: u32,
}

fn region() -> String {
    "us-east-1".into()
}

fn part_size() -> u32 {
    8
}

/// The configuration of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server that requests go to; with the style `virtual-host`, the bucket's own name below it.
    pub endpoint: Endpoint,
    /// The path of the bucket: empty with the style `virtual-host`.
    pub bucket_path: String,
    /// The bucket.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// What stands before every name.
    pub prefix: Prefix,
    /// Blobs that are longer are sent in parts of this length, in bytes.
    pub part_size: usize,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A sentence that names the field and its limit.
    pub fn parse(config: &str) -> Result<Self, String> {
        let fields: Fields = warbler_sdk::config::parse(config)?;
        let endpoint = Endpoint::parse(&fields.endpoint)?;
        if !endpoint.path().is_empty() {
            return Err("`endpoint` must not have a path: the bucket belongs to `bucket`".into());
        }
        if !is_bucket(&fields.bucket) {
            return Err("`bucket` must be 3 to 63 characters of a-z, 0-9, `.` and `-`".into());
        }
        let is_region = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if fields.region.is_empty() || fields.region.len() > 63 || !fields.region.bytes().all(is_region) {
            return Err("`region` must be 1 to 63 characters of A-Z, a-z, 0-9, `-` and `_`".into());
        }
        if !(LEAST_PART_MIB..=GREATEST_PART_MIB).contains(&fields.part_size_mib) {
            return Err(format!("`part_size_mib` must be from {LEAST_PART_MIB} to {GREATEST_PART_MIB}"));
        }
        let (endpoint, bucket_path) = match fields.style {
            Style::Path => (endpoint, format!("/{}", fields.bucket)),
            Style::VirtualHost => (endpoint.below(&fields.bucket), String::new()),
        };
        Ok(Self {
            endpoint,
            bucket_path,
            bucket: fields.bucket,
            region: fields.region,
            prefix: Prefix::parse(&fields.prefix)?,
            part_size: usize::try_from(fields.part_size_mib).unwrap_or_default() << 20,
        })
    }
}

/// Whether a bucket can have this name (Amazon S3, "General purpose bucket naming rules").
fn is_bucket(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', '-'])
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        let parse = |style: &str| {
            let text = format!(
                r#"{{"endpoint": "https://s3.example.com", "bucket": "acme-1", "style": "{style}", "prefix": "/a/"}}"#
            );
            Config::parse(&text).unwrap()
        };
        let path = parse("path");
        assert_eq!((path.endpoint.authority().as_str(), path.bucket_path.as_str()), ("s3.example.com", "/acme-1"));
        let virtual_host = parse("virtual-host");
        assert_eq!(virtual_host.endpoint.authority(), "acme-1.s3.example.com");
        assert_eq!((virtual_host.bucket_path.as_str(), virtual_host.prefix.as_str()), ("", "a/"));
    }

    #[test]
    fn a_mistake_is_named_with_its_field() {
        for (changed, mistake) in [
            (r#""endpoint": "s3.example.com""#, "`endpoint` must be an address"),
            (r#""endpoint": "https://a/b""#, "`endpoint` must not have a path"),
            (r#""bucket": "A""#, "`bucket` must be 3 to 63"),
            (r#""bucket": "a/../b""#, "`bucket` must be 3 to 63"),
            (r#""region": """#, "`region` must be 1 to 63"),
            (r#""prefix": "a b""#, "`prefix` must be segments"),
            (r#""part_size_mib": 4"#, "`part_size_mib` must be from 5 to 32"),
            (r#""secret": "x""#, "the configuration is not valid: unknown field `secret`"),
        ] {
            let field = changed.split(':').next().unwrap();
            let others = [r#""endpoint": "https://a""#, r#""bucket": "abc""#];
            let others = others.into_iter().filter(|other| !other.starts_with(&format!("{field}:")));
            let text = format!("{{{}}}", others.chain([changed]).collect::<Vec<_>>().join(","));
            let sentence = Config::parse(&text).unwrap_err();
            assert!(sentence.starts_with(mistake), "{sentence}");
        }
    }
}
