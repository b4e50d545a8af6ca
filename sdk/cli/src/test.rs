//! `test`: runs a component in the real host runtime, against the project's case files and the
//! conformance suite of its hook.

mod case;
mod conformance;
mod corpus;
mod expect;
mod harness;
mod ports;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use warbler_domain::{ByteSize, HookLimits};
use warbler_package::{Hook, Limits, Package};

use crate::package_file;
use case::Case;
use harness::Harness;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    /// The folder with the case files.
    #[arg(long, value_name = "FOLDER", default_value = "cases")]
    cases: PathBuf,
    /// The deadline of one call, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 50)]
    deadline_ms: u64,
    /// The memory of one instance, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    memory_mib: u64,
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
    if !package.hooks().contains(&Hook::ContentFilter) {
        bail!("{} has no content filter, and other hooks cannot be tested yet", package.name());
    }
    let limits = HookLimits {
        deadline: Duration::from_millis(arguments.deadline_ms),
        memory: ByteSize::mib(arguments.memory_mib),
        ..HookLimits::content_filter()
    };
    let files = case::read_folder(&arguments.package.project_folder().join(&arguments.cases))?;
    let tokio = tokio::runtime::Runtime::new().context("no threads can be started")?;
    let tally = tokio.block_on(async {
        let mut harness = Harness::new(package, bytes, limits)?;
        let mut tally = Tally::default();
        for (file, cases) in &files {
            println!("{}", file.display());
            for (index, case) in cases.iter().enumerate() {
                run_case(&mut harness, case, index, arguments.verbose, &mut tally).await;
            }
        }
        println!("conformance ({} ms, {})", arguments.deadline_ms, limits.memory);
        conformance::run(&mut harness, first_setting(&files), &mut tally).await;
        anyhow::Ok(tally)
    })?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 {
        bail!("{} of {} checks failed", tally.failed, tally.passed + tally.failed);
    }
    Ok(())
}

async fn run_case(harness: &mut Harness, case: &Case, index: usize, verbose: bool, tally: &mut Tally) {
    let name = case.name.clone().unwrap_or_else(|| format!("case {}", index + 1));
    let outcome = expect::check(harness, case).await;
    tally.count(&name, &outcome);
    for line in harness.take_logs() {
        if verbose || outcome.is_err() {
            println!("        log: {line}");
        }
    }
}

/// What the conformance suite configures the plugin with: as the first case does that wants it to work.
fn first_setting(files: &[(PathBuf, Vec<Case>)]) -> harness::Setting {
    let cases = files.iter().flat_map(|(_, cases)| cases);
    let working = cases.filter(|case| case.expect.init_error.is_none() && case.expect.failure.is_none());
    working.map(|case| case.setting.clone()).next().unwrap_or_default()
}
