//! Disks that can be full, or lose their power: file systems in memory and in files, where this machine lets us mount
//! them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

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
        unmount(&self.0);
    }
}

/// A file system in a file, of which one can have what a power cut at this moment would leave.
#[derive(Debug)]
pub struct CutDisk {
    image: PathBuf,
    /// Where it is mounted.
    pub at: PathBuf,
}

impl CutDisk {
    /// Makes one below `folder`. `None` if this machine does not permit it, which is printed.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn make(folder: &Path) -> Result<Option<Self>> {
        let image = folder.join("disk.img");
        File::create(&image)?.set_len(256 * 1024 * 1024)?;
        let made = quietly(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
        let disk = if made { Self::mount(image, folder.join("disk"))? } else { None };
        if disk.is_none() {
            println!("SKIPPED: this machine does not permit to make and mount a file system, so that no power is cut");
            eprintln!("SKIPPED: this machine does not permit to make and mount a file system, so that no power is cut");
        }
        Ok(disk)
    }

    /// What is on the disk now, without the pages that were not written yet. Whoever writes has to be stopped.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn cut(&self, folder: &Path) -> Result<Self> {
        let image = folder.join("cut.img");
        ensure!(quietly(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&image)), "no copy was made");
        Self::mount(image, folder.join("after"))?.context("the copy cannot be mounted")
    }

    fn mount(image: PathBuf, at: PathBuf) -> Result<Option<Self>> {
        fs::create_dir_all(&at)?;
        let mounted = quietly(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at));
        Ok(mounted.then_some(Self { image, at }))
    }
}

impl Drop for CutDisk {
    fn drop(&mut self) {
        unmount(&self.at);
    }
}

fn unmount(at: &Path) {
    // Detached at once, and gone when nothing in it is open any more.
    if !quietly(Command::new("umount").arg(at)) {
        quietly(Command::new("umount").arg("-l").arg(at));
    }
}

fn quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
