//! The last lines that a plugin wrote, or that the host wrote about it. They live in memory alone, since
//! they may quote messages, and are shown to the tenant's admins alone.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use warbler_domain::{Clock, LogLevel, PluginLog, Timestamp};

/// Lines kept of one installation.
const LINES: usize = 500;

/// Bytes kept of one line.
const LINE: usize = 2_048;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// How loud it is.
    pub level: LogLevel,
    /// The line.
    pub text: String,
}

/// The last lines of one installation.
pub(super) struct LogRing {
    clock: Arc<dyn Clock>,
    lines: Mutex<VecDeque<LogLine>>,
}

impl LogRing {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// The last `limit` lines that are at least so loud, the oldest first.
    pub(super) fn last(&self, limit: usize, level: LogLevel) -> Vec<LogLine> {
        let lines = self.lines.lock();
        let mut last: Vec<_> = lines.iter().rev().filter(|line| line.level >= level).take(limit).cloned().collect();
        last.reverse();
        last
    }
}

impl PluginLog for LogRing {
    fn write(&self, level: LogLevel, text: &str) {
        let text = text.get(..text.floor_char_boundary(LINE)).unwrap_or_default().to_owned();
        let line = LogLine { at: self.clock.now(), level, text };
        let mut lines = self.lines.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
