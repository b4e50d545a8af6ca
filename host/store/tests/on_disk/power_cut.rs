//! A power cut: the writer is stopped, and what the disk holds at that moment, without the pages that
//! were not written yet, is opened and compared. Needs leave to mount a file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::open;
use crate::writer::{Acknowledged, Writer, rounds};

/// A file system in a file, mounted until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn mount(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        run("mount", &["-o", "loop", path(image), path(at)]).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Detached at once, and gone when nothing in it is open any more.
        if !run("umount", &[path(&self.0)]) {
            run("umount", &["-l", path(&self.0)]);
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// An empty file system in a file; nothing if this machine does not let us mount it.
fn image(folder: &Path) -> Option<PathBuf> {
    let image = folder.join("disk.img");
    std::fs::File::create(&image).unwrap().set_len(512 * 1024 * 1024).unwrap();
    let made = run("mkfs.ext4", &["-q", "-F", path(&image)]);
    let mounted = made.then(|| Mounted::mount(&image, &folder.join("probe"))).flatten();
    mounted.map(|_| image)
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut() {
    for round in 0..rounds("WARBLER_POWER_CUTS", 3) {
        let folder = tempfile::tempdir().unwrap();
        let Some(image) = image(folder.path()) else {
            eprintln!(
                "\n!!! THE POWER CUT WAS NOT TESTED: this machine does not let us make and mount a file system !!!\n"
            );
            return;
        };
        let mounted = Mounted::mount(&image, &folder.path().join("disk")).unwrap();
        let mut acknowledged = Acknowledged::default();
        let mut writer = Writer::start(&mounted.0.join("store"), round);
        writer.read(&mut acknowledged, 300 + usize::try_from(round).unwrap() * 400);
        writer.signal("STOP");
        // Nothing was acknowledged between the last line read and this copy that the copy need hold.
        let copy = folder.path().join("cut.img");
        assert!(run("cp", &["--sparse=always", path(&image), path(&copy)]));
        let after = Mounted::mount(&copy, &folder.path().join("after")).unwrap();
        let store = open(&after.0.join("store"));
        acknowledged.compare(&store).await;
        store.close().await;
        drop(store);
        drop(after);
        writer.kill(&mut acknowledged);
        drop(mounted);
    }
}
