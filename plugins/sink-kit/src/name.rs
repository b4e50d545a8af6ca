//! Names of blobs: which there are, and how they stand below a prefix of the server's.

use warbler_sdk::Failure;

/// The longest name, in bytes: a file system takes no longer one.
pub const MAX_NAME: usize = 255;

/// Whether hosts use this name: letters, digits, `.`, `_` and `-` of ASCII, in segments between slashes.
///
/// # Errors
/// `Unsupported`, with the name and what is wrong with it.
pub fn check(name: &str) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Unsupported(format!("the name {name:?} {why}")));
    if name.len() > MAX_NAME {
        return Err(Failure::Unsupported(format!("a name of {} bytes is longer than {MAX_NAME}", name.len())));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
        return refused("has characters beside A-Z, a-z, 0-9, `.`, `_`, `-` and `/`");
    }
    if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return refused("has a segment that is empty, `.` or `..`");
    }
    Ok(())
}

/// Where a tenant's blobs stand on a server: nothing, or segments that end with a slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Reads a prefix, with or without slashes around it.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_matches('/');
        if text.is_empty() {
            return Ok(Self::default());
        }
        if check(text).is_err() || text.len() > 255 {
            return Err("`prefix` must be segments of A-Z, a-z, 0-9, `.`, `_` and `-` between slashes, \
                        255 bytes at most"
                .into());
        }
        Ok(Self(format!("{text}/")))
    }

    /// The prefix as it stands before names: empty, or with a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the blob `name` stands.
    #[must_use]
    pub fn join(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// The blob that stands at `path`; `None` if it is outside.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a b", "a\\b", "ä", "a%2Fb", "a?b", "a\nb"] {
            assert!(matches!(check(name), Err(Failure::Unsupported(_))), "{name:?} was accepted");
        }
        for name in ["a", "config", "data/ab/0123-_.Z", "..a", "a..", ".hidden", &"n".repeat(MAX_NAME)] {
            assert_eq!(check(name), Ok(()));
        }
        assert!(check(&"n".repeat(MAX_NAME + 1)).is_err());
    }

    #[test]
    fn a_prefix_is_the_same_however_its_slashes_are_written() {
        for text in ["acme/backup", "/acme/backup/", "acme/backup/"] {
            assert_eq!(Prefix::parse(text).unwrap().join("a/b"), "acme/backup/a/b");
        }
        assert_eq!(Prefix::parse("/").unwrap().join("a"), "a");
        assert!(Prefix::parse("a/../b").unwrap_err().starts_with("`prefix`"));
        assert_eq!(Prefix::parse("a").unwrap().strip("a/b/c"), Some("b/c"));
        assert_eq!(Prefix::parse("a").unwrap().strip("ab/c"), None);
    }
}
