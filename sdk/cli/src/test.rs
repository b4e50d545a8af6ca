//! `test`: runs a component in the real host runtime, against the project's case files and the
//! conformance suite of its hook.

mod agent;
mod case;
mod conformance;
mod corpus;
mod expect;
mod files;
mod harness;
mod ports;
mod postbox;
mod push;
mod server;
mod sink;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use warbler_domain::{ByteSize, HookKind, HookLimits};
use warbler_package::{Hook, Limits, Package};

use crate::package_file;
use case::Case;
use files::{CaseFile, Checked, read_folder};
use harness::{Harness, Setting};
use server::Server;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    /// The folder with the case files. Those of a plugin's further hooks are in folders of their names in it.
    #[arg(long, value_name = "FOLDER", default_value = "cases")]
    cases: PathBuf,
    /// The deadline of one call, in milliseconds; that of hosts unless given.
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<u64>,
    /// The memory of one instance, in MiB; that of hosts unless given.
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u64>,
    /// A private address that the plugin may call: `127.0.0.1:9000` for a server beside the test.
    #[arg(long, value_name = "ADDRESS:PORT")]
    allow: Vec<SocketAddr>,
    /// Runs the cases alone, without the conformance suite: for cases against a real service.
    #[arg(long)]
    cases_only: bool,
    /// Also prints what the plugin logs when a case holds.
    #[arg(long, short)]
    verbose: bool,
}

/// What a run came to.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Prints one line about `name`, and counts it.
    fn count(&mut self, name: &str, outcome: &Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("  ok    {name}");
            }
            Err(text) => {
                self.failed += 1;
                println!("  FAIL  {name}");
                for line in text.lines() {
                    println!("        {line}");
                }
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.package.path()?;
    let bytes = package_file::read(&path)?;
    let package =
        Package::read(&bytes, &Limits::default()).with_context(|| format!("{} is refused", path.display()))?;
    let tokio = tokio::runtime::Runtime::new().context("no threads can be started")?;
    let tally = tokio.block_on(async {
        let server = Server::start().await?;
        let mut allowed = arguments.allow.clone();
        allowed.push(server.address());
        let mut hooks = package.hooks().to_vec();
        hooks.sort_by_key(|hook| kind(*hook));
        let limits = arguments.limits(hooks.first().copied().unwrap_or(Hook::ContentFilter));
        let mut run = Run {
            harness: Harness::new(package, bytes, limits, allowed)?,
            server,
            limits,
            verbose: arguments.verbose,
            cases_only: arguments.cases_only,
            tally: Tally::default(),
        };
        for (at, hook) in hooks.into_iter().enumerate() {
            run.hook(hook, arguments.folder(hook, at == 0)).await?;
        }
        anyhow::Ok(run.tally)
    })?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 {
        bail!("{} of {} checks failed", tally.failed, tally.passed + tally.failed);
    }
    Ok(())
}

impl Arguments {
    /// The limits of a host for a plugin whose first hook is `hook`, but for what was given.
    fn limits(&self, hook: Hook) -> HookLimits {
        let usual = HookLimits::of(kind(hook));
        HookLimits {
            deadline: self.deadline_ms.map_or(usual.deadline, Duration::from_millis),
            memory: self.memory_mib.map_or(usual.memory, ByteSize::mib),
            ..usual
        }
    }

    /// The folder with the cases of `hook`.
    fn folder(&self, hook: Hook, is_first: bool) -> PathBuf {
        let cases = self.package.project_folder().join(&self.cases);
        let own = cases.join(hook.as_str());
        if is_first && !own.is_dir() { cases } else { own }
    }
}

const fn kind(hook: Hook) -> HookKind {
    match hook {
        Hook::ContentFilter => HookKind::ContentFilter,
        Hook::Agent => HookKind::Agent,
        Hook::Push => HookKind::Push,
        Hook::BackupSink => HookKind::BackupSink,
    }
}

/// One run over all hooks of a package.
struct Run {
    harness: Harness,
    server: Server,
    limits: HookLimits,
    verbose: bool,
    cases_only: bool,
    tally: Tally,
}

impl Run {
    /// The cases and the conformance suite of one hook.
    async fn hook(&mut self, hook: Hook, folder: PathBuf) -> Result<()> {
        match hook {
            Hook::ContentFilter => {
                let files = read_folder::<Case>(&folder)?;
                for (index, case) in each(&files) {
                    let outcome = expect::check(&mut self.harness, case).await;
                    self.count(case.name.as_deref(), index, &outcome);
                }
                if self.cases_only {
                    return Ok(());
                }
                self.suite(hook);
                conformance::run(&mut self.harness, first_setting(&files), &mut self.tally).await;
            }
            Hook::Agent => {
                let files = read_folder::<agent::AgentCase>(&folder)?;
                for (index, case) in each(&files) {
                    let outcome = agent::check(&mut self.harness, &self.server, case).await;
                    self.count(case.name.as_deref(), index, &outcome);
                }
                if self.cases_only {
                    return Ok(());
                }
                self.suite(hook);
                let setting = working(&files, agent::AgentCase::working);
                agent::conformance(&mut self.harness, &self.server, setting, &mut self.tally).await;
                conformance::configs(&mut self.harness, &mut self.tally).await;
            }
            Hook::Push => {
                let files = read_folder::<push::PushCase>(&folder)?;
                for (index, case) in each(&files) {
                    let outcome = push::check(&mut self.harness, &self.server, case).await;
                    self.count(case.name.as_deref(), index, &outcome);
                }
                if self.cases_only {
                    return Ok(());
                }
                self.suite(hook);
                push::conformance(&mut self.harness, &self.server, &files, &mut self.tally).await;
                conformance::configs(&mut self.harness, &mut self.tally).await;
            }
            Hook::BackupSink => {
                let log = sink::check(self.harness.component(), &folder, &mut self.tally).await?;
                for line in log.take() {
                    if self.verbose || self.tally.failed > 0 {
                        println!("        log: {line}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Says that a suite begins.
    fn suite(&self, hook: Hook) {
        println!("conformance of {} ({} ms, {})", hook.as_str(), self.limits.deadline.as_millis(), self.limits.memory);
        drop(self.harness.take_logs());
    }

    fn count(&mut self, name: Option<&str>, index: usize, outcome: &Result<(), String>) {
        let name = name.map_or_else(|| format!("case {}", index + 1), str::to_owned);
        self.tally.count(&name, outcome);
        for line in self.harness.take_logs() {
            if self.verbose || outcome.is_err() {
                println!("        log: {line}");
            }
        }
    }
}

/// Every case with its place in its file, whose name is printed first.
fn each<C: Checked>(files: &[CaseFile<C>]) -> impl Iterator<Item = (usize, &C)> {
    files.iter().flat_map(|(file, cases)| {
        println!("{}", file.display());
        cases.iter().enumerate()
    })
}

/// What the conformance suite configures the plugin with: as the first case does that wants it to work.
fn first_setting(files: &[CaseFile<Case>]) -> Setting {
    let works = |case: &Case| case.expect.init_error.is_none() && case.expect.failure.is_none();
    working(files, |case| works(case).then(|| case.setting.clone()))
}

/// The first setting that `setting` finds in a case.
fn working<C>(files: &[CaseFile<C>], setting: impl Fn(&C) -> Option<Setting>) -> Setting {
    files.iter().flat_map(|(_, cases)| cases).find_map(setting).unwrap_or_default()
}
