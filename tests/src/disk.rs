//! Disks that can be full: file systems of some mebibytes in memory, where this machine lets us mount them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// A small file system. It is gone when it is dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many bytes at `folder`. `None` if this machine does not permit it, which is printed.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn mount(folder: &Path, bytes: u64) -> Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder);
        if quietly(&mut mount) {
            return Ok(Some(Self(folder.to_owned())));
        }
        println!("SKIPPED: this machine does not permit to mount a small file system, so that no disk is full");
        eprintln!("SKIPPED: this machine does not permit to mount a small file system, so that no disk is full");
        Ok(None)
    }

    /// Fills it with a file of its own, until no more than `left` bytes are free.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn fill(&self, left: u64) -> Result<()> {
        let mut command = Command::new("df");
        let output = command.args(["--output=avail", "--block-size=1"]).arg(&self.0).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let free: u64 = said.lines().nth(1).context("df says nothing")?.trim().parse()?;
        let mut filler = File::options().create(true).append(true).open(self.filler())?;
        let zeros = vec![0; 4096];
        for _ in 0..free.saturating_sub(left) / 4096 {
            if filler.write_all(&zeros).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// There was nothing to remove.
    pub fn make_room(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached at once, and gone when nothing in it is open any more.
        if !quietly(Command::new("umount").arg(&self.0)) {
            quietly(Command::new("umount").arg("-l").arg(&self.0));
        }
    }
}

fn quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
