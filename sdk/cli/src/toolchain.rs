//! Which compiler makes guests: decided here, and nowhere else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// The target of guests: WebAssembly without any system interface.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian's `rustc-web` puts a compiler whose library source (`rust-web-src`) is beside it.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A way to compile guests.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The compiler in the search path has the target's library.
    WithTarget,
    /// Another compiler builds the library from its source first, and this program links.
    FromSource {
        /// The compiler.
        rustc: PathBuf,
        /// The folder with the library's source.
        library: PathBuf,
        /// The linker.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// The one to use on this machine.
    ///
    /// # Errors
    /// There is none; the error says how to get one.
    pub(crate) fn find() -> Result<Self> {
        let library = ask("rustc", &["--print", "target-libdir", "--target", TARGET]);
        if library.is_some_and(|folder| Path::new(&folder).is_dir()) {
            return Ok(Self::WithTarget);
        }
        let Some(sysroot) = ask(DEBIAN_RUSTC, &["--print", "sysroot"]) else {
            bail!(
                "no Rust compiler for {TARGET}: run `rustup target add {TARGET}`, or on Debian \
                 `apt-get install rustc-web rust-web-src` (`cargo xtask setup` does either)"
            );
        };
        let library = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
        if !library.join("std").is_dir() {
            bail!("{DEBIAN_RUSTC} has no library source beside it: run `apt-get install rust-web-src`");
        }
        let Some(linker) = find_linker(&sysroot) else {
            bail!("no linker for {TARGET}: neither rust-lld beside rustc nor wasm-ld in the search path");
        };
        Ok(Self::FromSource { rustc: DEBIAN_RUSTC.into(), library, linker })
    }

    /// `cargo build` for guests, with what this way of compiling needs.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut command = Command::new("cargo");
        command.args(["build", "--release", "--target", TARGET]);
        if let Self::FromSource { rustc, linker, .. } = self {
            // Without the default features: backtraces, which guests have no use for.
            command.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]);
            // The library is built with features that a stable compiler keeps to itself.
            command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }

    /// A line about it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::WithTarget => format!("rustc with {TARGET}"),
            Self::FromSource { rustc, .. } => {
                format!(
                    "{} with the standard library from source (the first time takes about a minute)",
                    rustc.display()
                )
            }
        }
    }
}

/// A linker for WebAssembly: the one that a compiler brings, else LLVM's.
fn find_linker(debian_sysroot: &str) -> Option<PathBuf> {
    let of_sysroot = |sysroot: &str, host: &str| Path::new(sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    let host = ask(DEBIAN_RUSTC, &["--print", "host-tuple"])?;
    let mut places = vec![of_sysroot(debian_sysroot, &host)];
    places.extend(ask("rustc", &["--print", "sysroot"]).map(|sysroot| of_sysroot(&sysroot, &host)));
    places.extend(in_search_path("wasm-ld"));
    places.into_iter().find(|place| place.is_file())
}

/// Where the search path has `program`.
pub(crate) fn in_search_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|place| place.is_file())
}

/// What a program prints, if it succeeds.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
