//! WASI 0.2 for guests of languages that need it, with nothing behind it but clocks, random bytes and
//! the plugin's log: no files, no sockets, no environment, no arguments.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use warbler_domain::{Clock, LogLevel};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostWallClock, WasiCtx};

use crate::log_gate::LogGate;
use crate::state::Lent;

/// Most bytes that one call may ask for; as for `system.random`.
pub(crate) const RANDOM_BYTES: u32 = 64 << 10;
/// An unfinished line that is longer than this is written as it is.
const LINE_BYTES: usize = 4 << 10;

/// The context of one instance.
pub(crate) fn context(lent: &Lent) -> WasiCtx {
    WasiCtx::builder()
        .stdout(LogOutput { log: Arc::clone(&lent.log), level: LogLevel::Info })
        .stderr(LogOutput { log: Arc::clone(&lent.log), level: LogLevel::Warn })
        .wall_clock(HostClock(Arc::clone(&lent.clock)))
        .max_random_size(RANDOM_BYTES.into())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
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

/// Standard output or error, into the plugin's log.
struct LogOutput {
    log: Arc<LogGate>,
    level: LogLevel,
}

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
        Box::new(LineStream { log: Arc::clone(&self.log), level: self.level, unfinished: Vec::new() })
    }
}

/// Cuts what is written into lines.
struct LineStream {
    log: Arc<LogGate>,
    level: LogLevel,
    unfinished: Vec<u8>,
}

impl LineStream {
    fn tell(&mut self) {
        if !self.unfinished.is_empty() {
            self.log.plugin(self.level, &String::from_utf8_lossy(&self.unfinished));
            self.unfinished.clear();
        }
    }
}

impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = piece.strip_suffix(b"\n");
            self.unfinished.extend_from_slice(line.unwrap_or(piece));
            if line.is_some() || self.unfinished.len() >= LINE_BYTES {
                self.tell();
            }
        }
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
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

impl Drop for LineStream {
    fn drop(&mut self) {
        self.tell();
    }
}
