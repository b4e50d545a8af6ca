//! The page "Write a push provider", followed to the letter: its commands are run, its named blocks become files.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../../docs/push-providers.md");

/// One thing that the page has its reader do.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// To run these commands.
    Run(String),
    /// To write this file.
    Write(String, String),
}

/// The steps of a page, in order: blocks of the language `sh`, and blocks below a line that names their file. What
/// the page only shows is no step.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let block = block.join("\n") + "\n";
            match (language, file.take()) {
                ("sh", _) => steps.push(Step::Run(block)),
                (_, Some(file)) => steps.push(Step::Write(file, block)),
                _ => {}
            }
        } else if !line.is_empty() {
            file = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")).map(str::to_owned);
        }
    }
    steps
}

/// Runs one line of the page in `folder`, which `cd` changes, and gives what was printed.
fn run(folder: &mut PathBuf, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (program, arguments) = words.split_first().unwrap();
    let program = match *program {
        "cd" => {
            *folder = folder.join(arguments.first().unwrap());
            return String::new();
        }
        "warbler-plugin" => env!("CARGO_BIN_EXE_warbler-plugin"),
        other => other,
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&*folder);
    // Guests share one build folder, so that the standard library is built once.
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"));
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{line}\n{printed}");
    printed
}

#[test]
fn whoever_follows_the_page_from_an_empty_folder_has_a_provider_that_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    let mut folder = scratch.path().to_owned();
    let mut written = Vec::new();
    let mut last = String::new();
    for step in steps(PAGE) {
        match step {
            Step::Run(commands) => {
                for line in commands.lines() {
                    last = run(&mut folder, line);
                }
            }
            Step::Write(file, text) => {
                fs::write(folder.join(&file), text).unwrap();
                written.push(file);
            }
        }
    }
    assert_eq!(written, ["manifest.json", "src/lib.rs", "cases/default.json"]);
    // The last command of the page is the test, with its two cases and the whole suite.
    assert!(last.contains("a number that is no more is forgotten"), "{last}");
    assert!(last.contains("conformance") && last.contains(" 0 failed"), "{last}");
}

#[test]
fn only_named_blocks_and_commands_are_steps() {
    let page = "`a.txt`:\n\n```json\n{}\n```\n\nShown:\n\n```json\n[]\n```\n\n```sh\ntrue\n```\n```\nfalse\n```\n";
    assert_eq!(steps(page), [Step::Write("a.txt".into(), "{}\n".into()), Step::Run("true\n".into())]);
}
