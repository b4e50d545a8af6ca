//! The cache of compiled code: it is used, it is not trusted, and it is never in the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use warbler_runtime::{Runtime, RuntimeError, RuntimeKey};

use crate::harness::{options, plan};

fn cached(folder: &Path, key: u8) -> Arc<Runtime> {
    let mut options = options();
    options.key = RuntimeKey::new([key; 32]);
    options.cache = Some(folder.join("compiled"));
    Runtime::new(options).unwrap()
}

fn files(folder: &TempDir, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("compiled")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

/// Each file with the number that tells it from a later file of the same name.
#[cfg(unix)]
fn inodes(folder: &TempDir) -> Vec<(PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt;
    let inode = |path: &PathBuf| fs::metadata(path).unwrap().ino();
    files(folder, "cwasm")
        .into_iter()
        .map(|path| {
            let inode = inode(&path);
            (path, inode)
        })
        .collect()
}

#[tokio::test]
async fn code_is_compiled_once_and_found_by_the_next_host() {
    let folder = TempDir::new().unwrap();
    let plugin = plan("configured").load(&cached(folder.path(), 1)).await;
    let before = inodes(&folder);
    // The component, and its snapshot after `init`.
    assert_eq!((before.len(), files(&folder, "mac").len()), (2, 2));
    drop(plugin);
    let plugin = plan("configured").load(&cached(folder.path(), 1)).await;
    assert_eq!(plugin.held("hello").await.text, "{}");
    assert_eq!(inodes(&folder), before, "nothing was compiled");
}

#[tokio::test]
async fn another_configuration_has_a_snapshot_of_its_own() {
    let folder = TempDir::new().unwrap();
    let runtime = cached(folder.path(), 1);
    for config in ["{\"a\":1}", "{\"b\":2}"] {
        for _ in 0..2 {
            let plugin = plan("configured").with(|r| r.config = config.into()).load(&runtime).await;
            assert_eq!(plugin.held("hello").await.text, config);
        }
    }
    assert_eq!(files(&folder, "cwasm").len(), 3);
}

#[tokio::test]
async fn a_changed_byte_anywhere_is_found_and_the_code_compiled_again() {
    let folder = TempDir::new().unwrap();
    drop(plan("configured").load(&cached(folder.path(), 1)).await);
    for extension in ["cwasm", "mac"] {
        let before = inodes(&folder);
        for path in files(&folder, extension) {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
        let plugin = plan("configured").load(&cached(folder.path(), 1)).await;
        assert_eq!(plugin.held("hello").await.text, "{}");
        let after = inodes(&folder);
        assert_eq!(after.len(), before.len());
        assert!(before.iter().zip(&after).all(|(old, new)| old.1 != new.1), "{before:?} {after:?}");
    }
}

#[tokio::test]
async fn a_truncated_file_or_one_in_anothers_place_is_not_used() {
    let folder = TempDir::new().unwrap();
    let runtime = cached(folder.path(), 1);
    drop(plan("pass").load(&runtime).await);
    let [one, two] = &files(&folder, "cwasm")[..] else { panic!("two files") };
    // Both are the host's own, with right codes, and each under the other's name.
    for extension in ["cwasm", "mac"] {
        let (one, two) = (one.with_extension(extension), two.with_extension(extension));
        let aside = folder.path().join("aside");
        fs::rename(&one, &aside).unwrap();
        fs::rename(&two, &one).unwrap();
        fs::rename(&aside, &two).unwrap();
    }
    let swapped = inodes(&folder);
    plan("pass").load(&runtime).await.passes().await;
    assert!(inodes(&folder).iter().zip(&swapped).all(|(new, old)| new.1 != old.1));
    fs::write(one, b"").unwrap();
    fs::remove_file(two.with_extension("mac")).unwrap();
    plan("pass").load(&runtime).await.passes().await;
    assert!(fs::metadata(one).unwrap().len() > 0 && two.with_extension("mac").exists());
}

#[tokio::test]
async fn code_of_a_host_with_another_key_is_not_used() {
    let folder = TempDir::new().unwrap();
    drop(plan("pass").load(&cached(folder.path(), 1)).await);
    let theirs = inodes(&folder);
    plan("pass").load(&cached(folder.path(), 2)).await.passes().await;
    let both = inodes(&folder);
    assert_eq!(both.len(), 2 * theirs.len());
    assert!(theirs.iter().all(|file| both.contains(file)));
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_and_its_files_are_for_the_host_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    drop(plan("pass").load(&cached(folder.path(), 1)).await);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("compiled")), 0o700);
    for path in files(&folder, "cwasm").iter().chain(&files(&folder, "mac")) {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    assert_eq!(fs::read_dir(folder.path().join("compiled")).unwrap().count(), 4, "no temporary file is left");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut options = options();
    options.cache = Some(file.path().join("below-a-file"));
    let error = Runtime::new(options).err().expect("an error");
    assert!(matches!(&error, RuntimeError::Cache { .. }), "{error:?}");
    assert!(error.to_string().contains("below-a-file"), "{error}");
}
