//! WASI 0.2 for guests of languages that need it, with nothing behind it but clocks, random bytes and
//! the plugin's log: no files, no sockets, no environment, no arguments.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use warbler_domain::{Clock, LogLevel};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostWallClock, WasiCtx};

use crate::log_gate::LogGate;
use crate::state::Lent;

/// Most bytes that one call may ask for; as for `system.random`.
pub(crate) const RANDOM_BYTES: u32 = 64 << 10;
/// An unfinished line that is longer than this is written as it is.
const LINE_BYTES: usize = 4 << 10;

/// What one instance has of WASI.
pub(crate) struct Wasi {
    pub(crate) context: WasiCtx,
    pub(crate) table: ResourceTable,
    output: [Arc<Lines>; 2],
}

impl Wasi {
    pub(crate) fn new(lent: &Lent) -> Self {
        let output = [LogLevel::Info, LogLevel::Warn].map(|level| Arc::new(Lines::new(Arc::clone(&lent.log), level)));
        let [stdout, stderr] = output.clone();
        let context = WasiCtx::builder()
            .stdout(LogOutput(stdout))
            .stderr(LogOutput(stderr))
            .wall_clock(HostClock(Arc::clone(&lent.clock)))
            .max_random_size(RANDOM_BYTES.into())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { context, table: ResourceTable::new(), output }
    }

    /// Writes lines that the guest began and did not end.
    pub(crate) fn end_lines(&self) {
        for lines in &self.output {
            lines.end();
        }
    }
}

struct HostClock(Arc<dyn Clock>);

impl HostWallClock for HostClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().as_millis())
    }
}

/// Lines of standard output or error, on their way into the plugin's log.
struct Lines {
    log: Arc<LogGate>,
    level: LogLevel,
    /// Shared by all streams that the guest opens, which all lead here.
    unfinished: Mutex<Vec<u8>>,
}

impl Lines {
    fn new(log: Arc<LogGate>, level: LogLevel) -> Self {
        Self { log, level, unfinished: Mutex::default() }
    }

    fn write(&self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = piece.strip_suffix(b"\n");
            let mut unfinished = self.unfinished.lock();
            unfinished.extend_from_slice(line.unwrap_or(piece));
            let long = unfinished.len() >= LINE_BYTES;
            drop(unfinished);
            if line.is_some() || long {
                self.end();
            }
        }
    }

    fn end(&self) {
        let line = std::mem::take(&mut *self.unfinished.lock());
        if !line.is_empty() {
            self.log.plugin(self.level, &String::from_utf8_lossy(&line));
        }
    }
}

/// Standard output or error.
struct LogOutput(Arc<Lines>);

impl IsTerminal for LogOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only later versions of WASI ask for this one, and they are not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(LogStream(Arc::clone(&self.0)))
    }
}

/// One of the guest's streams.
struct LogStream(Arc<Lines>);

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_BYTES)
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}
