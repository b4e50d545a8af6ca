//! Whether bytes are what their name says, where names are digests.

use sha2::{Digest as _, Sha256};

/// In the restic format all files but `config` are named by the SHA-256 of what is in them, in hexadecimal digits, after
/// folders (<https://restic.readthedocs.io/en/stable/100_references.html#repository-format>). `None` for other names.
pub(crate) fn is_named_by_digest(name: &str, bytes: &[u8]) -> Option<bool> {
    let digits = name.rsplit('/').next()?;
    let named = hex::decode(digits).ok().filter(|named| named.len() == 32)?;
    Some(named == Sha256::digest(bytes).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_it_stands_for_or_nothing() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(is_named_by_digest(&format!("data/e3/{empty}"), b""), Some(true));
        assert_eq!(is_named_by_digest(&format!("snapshots/{empty}"), b"x"), Some(false));
        assert_eq!(is_named_by_digest("config", b""), None);
        assert_eq!(is_named_by_digest("data/e3", b""), None);
    }
}
