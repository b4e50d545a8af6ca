//! The real host as a child process: started in a folder, watched, killed, started again.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, anyhow, bail};

use crate::client::Client;

/// How long the host may take until it listens; a debug build compiles plugins slowly.
const PATIENCE: Duration = Duration::from_mins(2);

/// The operator's token in every test.
pub const OPERATOR_TOKEN: &str = "wbo_test-operator-token-that-is-long-enough-0123456789";

/// Where Debian puts the library that sets a program's clock.
const FAKETIME: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

/// A running host. Killed when it is dropped.
pub struct Host {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Host {
    /// Starts a host that keeps its data in `folder`; `extra` is TOML for its configuration:
    /// top-level keys, then sections other than `keys` and `operator`.
    ///
    /// # Errors
    /// The program is not there, or it ended before it listened.
    pub fn start(folder: &Path, extra: &str) -> Result<Self> {
        Self::start_on("127.0.0.1:0", folder, extra)
    }

    /// The same, on a given address.
    ///
    /// # Errors
    /// As for [`Host::start`], and if the address is taken.
    pub fn start_on(listen: &str, folder: &Path, extra: &str) -> Result<Self> {
        Self::spawn(listen, folder, extra, &[])
    }

    /// The same, with a clock that is ahead by `offset` (or behind, as in `-2h`), for what depends on the time of day.
    /// `None` if this machine has no `faketime`, which is printed.
    ///
    /// # Errors
    /// As for [`Host::start`].
    pub fn start_at(offset: &str, folder: &Path, extra: &str) -> Result<Option<Self>> {
        let library = FAKETIME.iter().find(|library| Path::new(library).exists());
        let Some(library) = library else {
            println!("SKIPPED: there is no faketime to set a clock with; run: cargo xtask setup");
            eprintln!("SKIPPED: there is no faketime to set a clock with; run: cargo xtask setup");
            return Ok(None);
        };
        // Deadlines go by the monotonic clock, which nobody sets.
        let environment = [("LD_PRELOAD", *library), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        Self::spawn("127.0.0.1:0", folder, extra, &environment).map(Some)
    }

    fn spawn(listen: &str, folder: &Path, extra: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let config = configure(listen, folder, extra)?;
        let mut command = Command::new(program("warbler")?);
        command.envs(environment.iter().copied());
        command.arg("serve").arg("--config").arg(&config).stdin(Stdio::null()).stdout(Stdio::piped());
        let log = fs::File::options().create(true).append(true).open(folder.join("host.log"))?;
        let mut child = command.stderr(log).spawn().context("the host cannot be started")?;
        let lines = BufReader::new(child.stdout.take().context("the host has no output")?).lines();
        let (found, address) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = found
                        .send(address.trim().trim_start_matches("http://").trim_start_matches("https://").to_owned());
                }
            }
        });
        if let Ok(address) = address.recv_timeout(PATIENCE) {
            return Ok(Self { child, address: address.parse()?, folder: folder.to_owned() });
        }
        let _ = child.kill();
        let _ = child.wait();
        let log = fs::read_to_string(folder.join("host.log")).unwrap_or_default();
        bail!("the host did not start; the end of its log:\n{}", last_lines(&log, 20))
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder of its data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Someone who is not signed in.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.base())
    }

    /// The operator.
    #[must_use]
    pub fn operator(&self) -> Client {
        self.client().with_token(OPERATOR_TOKEN)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("host.log")).unwrap_or_default()
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// The process cannot be ended.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it where it is, with SIGSTOP, so that nothing of it goes on.
    ///
    /// # Errors
    /// It cannot be signalled.
    pub fn freeze(&self) -> Result<()> {
        let frozen = Command::new("kill").arg("-STOP").arg(self.child.id().to_string()).status()?;
        if frozen.success() { Ok(()) } else { Err(anyhow!("the host cannot be signalled")) }
    }

    /// Asks it to end with SIGTERM, and waits until it has.
    ///
    /// # Errors
    /// It ended with a failure.
    pub fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        if !asked.success() {
            bail!("the host cannot be signalled");
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(anyhow!("the host ended with {status}")) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the configuration of a test host, with its key and token.
fn configure(listen: &str, folder: &Path, extra: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    secret(&folder.join("master.key"), &"11".repeat(32))?;
    secret(&folder.join("operator.token"), OPERATOR_TOKEN)?;
    // Paths in it count from its folder.
    let config = format!(
        r#"listen = "{listen}"
store = "sled:data"
{extra}

[keys]
master_file = "master.key"

[operator]
token_file = "operator.token"
"#
    );
    let file = folder.join("warbler.toml");
    fs::write(&file, config)?;
    Ok(file)
}

/// Writes a file that only its owner may read, as the host asks for.
fn secret(file: &Path, content: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file, content)?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o600))?)
}

/// A program of this workspace, beside this one or in the folder that `WARBLER_BIN` names.
///
/// # Errors
/// It was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let beside = env::current_exe()?;
    // Test programs lie one folder deeper than the others.
    let folders = beside.ancestors().skip(1).take(2).map(Path::to_path_buf);
    let named = env::var_os("WARBLER_BIN").map(PathBuf::from);
    let mut candidates = named.into_iter().chain(folders).map(|folder| folder.join(name));
    candidates
        .find(|path| path.is_file())
        .with_context(|| format!("{name} was not built; run: cargo build --workspace --bins"))
}

/// What a command prints that ends well.
///
/// # Errors
/// It cannot be started, or ended with a failure; then with all that it said.
pub fn printed(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().collect();
        bail!("{} {arguments:?}\n{out}\n{error}", command.get_program().display());
    }
    Ok(out.into_owned())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).copied().collect::<Vec<_>>().join("\n")
}
