//! Contestants in processes of their own: an Extism host, and a webhook.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use warbler_bench_words::messages;

use crate::contestant::Contestant;

/// A child process that ends with the bench.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { input: child.stdin.take(), output, child })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same words in an Extism plugin, JSON at the border.
pub(crate) struct Extism {
    process: Process,
}

impl Extism {
    const CALLS: usize = 4_000;

    pub(crate) fn start(guest: &Path) -> Result<Self> {
        let program = std::env::var_os("WARBLER_BENCH_EXTISM").context("WARBLER_BENCH_EXTISM names no program")?;
        let mut process = Process::start(Command::new(program).arg(guest))?;
        // The first answer comes once the words are loaded.
        process.ask(100)?;
        Ok(Self { process })
    }
}

impl Process {
    /// Nanoseconds per call of `calls` calls, as the process measures them itself.
    fn ask(&mut self, calls: usize) -> Result<f64> {
        let input = self.input.as_mut().context("no input")?;
        writeln!(input, "{calls}")?;
        input.flush()?;
        let answer = self.line()?;
        answer.parse().with_context(|| format!("the process answered {answer:?}"))
    }
}

impl Contestant for Extism {
    fn name(&self) -> &'static str {
        "extism"
    }

    fn measure(&mut self, _threads: &Runtime) -> Result<f64> {
        self.process.ask(Self::CALLS)
    }
}

/// The same words behind HTTP/1.1 on loopback, one connection, one request at a time.
pub(crate) struct Webhook {
    _process: Process,
    sender: SendRequest<Full<Bytes>>,
    address: String,
    bodies: Vec<Bytes>,
}

impl Webhook {
    const CALLS: usize = 1_000;

    pub(crate) fn start(threads: &Runtime) -> Result<Self> {
        let program = warbler_tests::host::program("bench-webhook")?;
        let mut process = Process::start(&mut Command::new(program))?;
        let address = process.line()?;
        let sender = threads.block_on(connect(&address))?;
        let body = |text: String| {
            Bytes::from(
                json!({
                    "id": "0192d3c4-0000-7000-8000-000000000001",
                    "conversation": "0192d3c4-0000-7000-8000-000000000002",
                    "sender": {"id": "0192d3c4-0000-7000-8000-000000000003", "name": "", "role": "member"},
                    "sent_at": 1_795_000_000_000_u64,
                    "body": {"type": "text", "text": text},
                })
                .to_string(),
            )
        };
        Ok(Self { _process: process, sender, address, bodies: messages().into_iter().map(body).collect() })
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Contestant for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn measure(&mut self, threads: &Runtime) -> Result<f64> {
        let mut latencies = Vec::with_capacity(Self::CALLS);
        threads.block_on(async {
            for body in self.bodies.iter().cycle().take(Self::CALLS) {
                let began = Instant::now();
                let request = Request::post("/check")
                    .header("host", &self.address)
                    .header("content-type", "application/json")
                    .body(Full::new(body.clone()))?;
                self.sender.ready().await?;
                let response = self.sender.send_request(request).await?;
                let body = response.into_body().collect().await?.to_bytes();
                let _: Value = serde_json::from_slice(&body)?;
                latencies.push(began.elapsed());
            }
            anyhow::Ok(())
        })?;
        latencies.sort_unstable();
        Ok(latencies.get(latencies.len() / 2).map_or(f64::NAN, |median| median.as_nanos() as f64))
    }
}
