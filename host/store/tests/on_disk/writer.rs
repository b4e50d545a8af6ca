//! A process that writes until it is killed, and the comparison of what it was told with what is there.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use warbler_domain::{ConversationId, Sequence, StateKey, Versioned};
use warbler_store::Store;

use crate::{ONE, title};

/// What was acknowledged, over all rounds.
#[derive(Default)]
pub(crate) struct Acknowledged {
    events: HashMap<(ConversationId, u64), String>,
    /// Values of each record in the order of their writing.
    records: HashMap<String, Vec<String>>,
}

impl Acknowledged {
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    fn take(&mut self, line: &str) {
        let parts: Vec<&str> = line.split(' ').collect();
        match parts.as_slice() {
            ["e", conversation, sequence, text] => {
                let place = (conversation.parse().unwrap(), sequence.parse().unwrap());
                let before = self.events.insert(place, (*text).to_owned());
                assert_eq!(before, None, "the place {place:?} was acknowledged twice");
            }
            ["s", key, value] => self.records.entry((*key).to_owned()).or_default().push((*value).to_owned()),
            other => panic!("not a line of the writer: {other:?}"),
        }
    }

    /// Compares everything that was acknowledged with what is in the store.
    pub(crate) async fn compare(&self, store: &Store) {
        let (log, state) = (store.log(), store.state());
        let mut found = 0;
        let conversations: std::collections::HashSet<_> =
            self.events.keys().map(|(conversation, _)| *conversation).collect();
        for conversation in conversations {
            let mut expected = 1;
            loop {
                let page = log.read_after(&ONE, conversation, Sequence(expected - 1), 500).await.unwrap();
                if page.is_empty() {
                    break;
                }
                for event in page {
                    assert_eq!(event.sequence.0, expected, "a gap in {conversation}");
                    if let Some(text) = self.events.get(&(conversation, expected)) {
                        assert_eq!(title(&event), text);
                        found += 1;
                    }
                    expected += 1;
                }
            }
        }
        assert_eq!(found, self.events.len(), "acknowledged messages are lost");
        for (key, values) in &self.records {
            let kept = state.get(&ONE, &StateKey::from_text(key.clone())).await.unwrap();
            let Versioned { value, .. } = kept.expect("an acknowledged record is lost");
            let value = String::from_utf8(value.to_vec()).unwrap();
            // One more may have been written than was acknowledged, never fewer.
            let last = values.last().unwrap();
            assert!(turn(&value) >= turn(last), "{key} went back from {} to {}", cut(last), cut(&value));
        }
    }
}

/// Round and turn.
fn turn(value: &str) -> (u64, u64) {
    let mut parts = value.split('-').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap(), parts.next().unwrap())
}

fn cut(value: &str) -> &str {
    value.get(..20).unwrap_or(value)
}

/// A process that writes until it is killed.
pub(crate) struct Writer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Writer {
    pub(crate) fn start(folder: &Path, round: u64) -> Self {
        let mut command = Command::new(program());
        command.arg(folder).arg(round.to_string());
        // For seeing that the tests can fail.
        if let Ok(mode) = std::env::var("WARBLER_CRASH_DURABILITY") {
            command.arg(mode);
        }
        let mut child =
            command.stdout(Stdio::piped()).spawn().expect("the example crash_writer is built with the tests");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads until this many more events were acknowledged.
    pub(crate) fn read(&mut self, acknowledged: &mut Acknowledged, count: usize) {
        let until = acknowledged.events() + count;
        let mut line = String::new();
        while acknowledged.events() < until {
            line.clear();
            let read = self.lines.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the writer ended by itself");
            acknowledged.take(line.trim_end());
        }
    }

    /// Sends a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it, and reads what it had still said.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            // A line without an end was cut off by the kill.
            if line.ends_with('\n') {
                acknowledged.take(line.trim_end());
            }
            line.clear();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It is gone already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/crash_writer");
    assert!(program.exists(), "build it first: cargo build -p warbler-store --example crash_writer");
    program
}

/// A number from the environment.
pub(crate) fn rounds(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
