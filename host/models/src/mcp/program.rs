//! Tool servers that are programs on this machine, spoken to through their standard input and output.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use warbler_domain::ToolError;

use crate::mcp::failure;
use crate::words;

/// How long a program has to end by itself after its input was closed.
const TO_END: Duration = Duration::from_secs(2);

/// What a message may be longer than the answer in it: escapes, and the same answer as text and structured.
const AROUND: usize = 64 * 1024;

/// How much of a program's standard error is logged, in bytes; the rest is read and dropped.
const MOST_LOGGED: usize = 64 * 1024;

/// A program that runs, and the pipes to it. The program is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    pipes: AsyncRwTransport<RoleClient, ChildStdout, ChildStdin>,
}

/// Starts a program with `environment` and nothing else of ours.
///
/// # Errors
/// `Unreachable`, if it cannot be started.
pub(crate) fn start(
    command: &str,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    max_answer: usize,
) -> Result<Program, ToolError> {
    let mut child = Command::new(command)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failure::unreachable(&format!("the program cannot be started: {error}")))?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failure::unreachable("the program has no standard input and output"));
    };
    if let Some(errors) = child.stderr.take() {
        let secrets: Vec<String> = environment.values().cloned().collect();
        let program = command.to_owned();
        tokio::spawn(async move { log(errors, &program, &secrets).await });
    }
    let longest = max_answer.saturating_mul(4).saturating_add(AROUND);
    Ok(Program { child, pipes: AsyncRwTransport::new_client(output, input).with_max_line_length(longest) })
}

impl Transport<RoleClient> for Program {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.pipes.send(item)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleClient>>> + Send {
        self.pipes.receive()
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.pipes.close().await?;
        if timeout(TO_END, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// Writes what a program says on standard error into the log, up to a limit, and reads all of it: a program
/// whose pipe is full stands still.
async fn log(mut errors: ChildStderr, program: &str, secrets: &[String]) {
    let mut buffer = vec![0; 4096];
    let mut logged = 0_usize;
    while let Ok(read @ 1..) = errors.read(&mut buffer).await {
        if logged > MOST_LOGGED {
            continue;
        }
        logged = logged.saturating_add(read);
        for line in String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).lines() {
            tracing::debug!(program, line = words::tidy(line, secrets.iter().map(String::as_str)), "tool server");
        }
        if logged > MOST_LOGGED {
            tracing::debug!(program, limit = MOST_LOGGED, "tool server: the rest is not logged");
        }
    }
}
