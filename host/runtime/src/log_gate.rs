//! The gate before a plugin's log: so many lines a second, of so many bytes, without line breaks. What
//! was left out is counted, and told in one line.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use warbler_domain::{Clock, LogLevel, PluginLog, Timestamp};

/// Lines that a plugin may write in one window, and the host about it.
const LINES: u32 = 50;
const HOST_LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);
/// Greatest length of a line. A line is for reading; what is longer is data.
const LINE_BYTES: usize = 1024;

/// Lets a plugin's and the host's lines through, each within their own allowance.
pub(crate) struct LogGate {
    sink: Arc<dyn PluginLog>,
    clock: Arc<dyn Clock>,
    plugin: Mutex<Window>,
    host: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    began: Timestamp,
    lines: u32,
    suppressed: u64,
}

impl Window {
    /// Whether a line may pass at `now`, and how many were suppressed in the window before.
    fn admit(&mut self, now: Timestamp, most: u32) -> (bool, u64) {
        let suppressed = self.roll(now);
        let pass = self.lines < most;
        if pass {
            self.lines += 1;
        } else {
            self.suppressed += 1;
        }
        (pass, suppressed)
    }

    /// Begins a new window if the last one is over, or if the clock was set back.
    fn roll(&mut self, now: Timestamp) -> u64 {
        if now.since(self.began) < WINDOW && now >= self.began {
            return 0;
        }
        self.began = now;
        self.lines = 0;
        std::mem::take(&mut self.suppressed)
    }
}

impl LogGate {
    pub(crate) fn new(sink: Arc<dyn PluginLog>, clock: Arc<dyn Clock>) -> Self {
        Self { sink, clock, plugin: Mutex::default(), host: Mutex::default() }
    }

    /// A line of the plugin's own.
    pub(crate) fn plugin(&self, level: LogLevel, text: &str) {
        self.write(&self.plugin, LINES, level, text);
    }

    /// A line of the host's, about the plugin.
    pub(crate) fn host(&self, level: LogLevel, text: &str) {
        self.write(&self.host, HOST_LINES, level, text);
    }

    /// Tells what was suppressed, once its window is over.
    pub(crate) fn flush(&self) {
        let now = self.clock.now();
        for window in [&self.plugin, &self.host] {
            let suppressed = window.lock().roll(now);
            self.tell_suppressed(suppressed);
        }
    }

    fn write(&self, window: &Mutex<Window>, most: u32, level: LogLevel, text: &str) {
        let (pass, suppressed) = window.lock().admit(self.clock.now(), most);
        self.tell_suppressed(suppressed);
        if pass {
            self.sink.write(level, &tidy(text));
        }
    }

    fn tell_suppressed(&self, lines: u64) {
        if lines > 0 {
            self.sink.write(LogLevel::Warn, &format!("{lines} lines more were left out: too many in one second"));
        }
    }
}

impl Drop for LogGate {
    fn drop(&mut self) {
        let suppressed = self.plugin.get_mut().suppressed.saturating_add(self.host.get_mut().suppressed);
        self.tell_suppressed(suppressed);
    }
}

/// One line, of bounded length: control characters become spaces, so that no line can pose as two.
pub(crate) fn tidy(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_BYTES));
    for (at, character) in text.char_indices() {
        if at + character.len_utf8() > LINE_BYTES {
            let _ = write!(line, "… ({} bytes)", text.len());
            break;
        }
        line.push(if character.is_control() { ' ' } else { character });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl PluginLog for Lines {
        fn write(&self, _: LogLevel, text: &str) {
            self.0.lock().push(text.into());
        }
    }

    #[derive(Default)]
    struct Hand(Mutex<Timestamp>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            *self.0.lock()
        }
    }

    #[test]
    fn a_flood_is_cut_and_told_in_one_line_once_its_second_is_over() {
        let (lines, clock) = (Arc::new(Lines::default()), Arc::new(Hand::default()));
        let gate = LogGate::new(Arc::clone(&lines) as _, Arc::clone(&clock) as _);
        for _ in 0..LINES + 7 {
            gate.plugin(LogLevel::Info, "again");
        }
        gate.host(LogLevel::Error, "the host is heard all the same");
        gate.flush();
        assert_eq!(lines.0.lock().len(), LINES as usize + 1);
        *clock.0.lock() = Timestamp::from_millis(1_000);
        gate.flush();
        gate.flush();
        assert_eq!(lines.0.lock().last().unwrap(), "7 lines more were left out: too many in one second");
        assert_eq!(lines.0.lock().len(), LINES as usize + 2);
    }

    #[test]
    fn a_line_is_one_line_and_cut_between_characters() {
        assert_eq!(tidy("a\nb\r\u{1b}[31m"), "a b  [31m");
        let long = tidy(&"é".repeat(LINE_BYTES));
        assert!(long.starts_with("éé") && long.ends_with("… (2048 bytes)") && long.len() < LINE_BYTES + 32);
    }
}
