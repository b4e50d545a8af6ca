//! What building and testing need beside Rust itself, and how to come by it.

mod counterparts;
mod servers;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

pub(crate) use counterparts::folder as counterparts;

/// A program or file from outside, and Debian's packages that bring it.
struct Need {
    what: &'static str,
    for_what: &'static str,
    packages: &'static [&'static str],
    is_there: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "a Rust compiler for WebAssembly",
        for_what: "building plugins",
        packages: &["rustc-web", "rust-web-src"],
        is_there: has_wasm_toolchain,
    },
    Need {
        what: "minisign",
        for_what: "testing that signatures work with the original tool",
        packages: &["minisign"],
        is_there: || shell::has("minisign"),
    },
    Need {
        what: "mkfs.ext4",
        for_what: "the power-cut test",
        packages: &["e2fsprogs", "mount"],
        is_there: || shell::has("mkfs.ext4") || Path::new("/sbin/mkfs.ext4").exists(),
    },
    Need {
        what: "node and npm",
        for_what: "the counterparts of push providers",
        packages: &["nodejs", "npm"],
        is_there: || shell::has("node") && shell::has("npm"),
    },
    Need {
        what: "kannel",
        for_what: "testing text messages through a real gateway",
        packages: &["kannel"],
        is_there: || Path::new("/usr/sbin/bearerbox").exists(),
    },
    Need {
        what: "restic",
        for_what: "testing that it reads the backups, and measuring against it",
        packages: &["restic"],
        is_there: || shell::has("restic"),
    },
    Need {
        what: "faketime",
        for_what: "testing hosts whose clocks differ or are set back",
        packages: &["libfaketime"],
        is_there: || {
            shell::output(Command::new("sh").args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])).is_some()
        },
    },
    Need {
        what: "pip",
        for_what: "fetching the texts on which false positives are measured",
        packages: &["python3-pip"],
        is_there: || shell::has("pip") || shell::has("pip3"),
    },
    Need {
        what: "Python's venv",
        for_what: "the servers that tests talk to",
        packages: &["python3-venv"],
        is_there: has_venv,
    },
];

/// Installs what is missing, or says what to install.
pub(crate) fn run() -> Result<()> {
    if !has_wasm_toolchain() && shell::has("rustup") {
        // Where rustup can fetch the target, it is the better choice; where it cannot, Debian's compiler serves.
        let _ = shell::output(Command::new("rustup").args(["target", "add", "wasm32-unknown-unknown"]));
    }
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    counterparts::install()?;
    servers::install()?;
    println!("everything is there");
    Ok(())
}

/// Installs Debian's packages, or says which ones to install.
fn install(missing: &[&Need]) -> Result<()> {
    for need in missing {
        println!("missing: {}, for {}", need.what, need.for_what);
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    if !shell::has("apt-get") || !is_root() {
        bail!("please install, as root on Debian: apt-get install {}", packages.join(" "));
    }
    let mut update = Command::new("apt-get");
    shell::step("refresh the list of packages", update.args(["-qq", "update"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["-qq", "install", "-y", "--no-install-recommends"]).args(&packages);
    shell::step("install what is missing", &mut install)?;
    match NEEDS.iter().find(|need| !(need.is_there)()) {
        Some(need) => bail!("{} is still missing after installing {}", need.what, need.packages.join(" ")),
        None => Ok(()),
    }
}

/// Whether plugins can be built: by rustup's target, or by Debian's compiler with its library source.
fn has_wasm_toolchain() -> bool {
    let target = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let by_rustup = shell::output(Command::new("rustc").args(target)).is_some_and(|folder| Path::new(&folder).is_dir());
    let by_debian = Path::new("/usr/bin/rustc").exists()
        && shell::output(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]))
            .is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir());
    by_rustup || by_debian
}

fn has_venv() -> bool {
    shell::output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_some()
}

fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}
