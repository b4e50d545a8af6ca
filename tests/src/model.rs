//! A stand-in for a model provider that says what a test tells it to, when the test lets it: for faults, crashes
//! and exact streams. What a model makes of a question is tested with a real one.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A part of an answer.
#[derive(Debug, Clone)]
pub enum Said {
    /// Text.
    Text(String),
    /// Nothing more until the test opens the gate once.
    Wait,
    /// A wish to call a tool, with JSON arguments.
    Call(String, Value),
    /// The same with arguments as they stand, be they JSON or not.
    Misspelt(String, String),
    /// A refusal in the place of an answer, with this status and these further lines of its head. Only as the first.
    Refusal(u16, String),
    /// Bytes in the place of an event.
    Bytes(Vec<u8>),
    /// The same text again and again, until nobody listens.
    Endless(String),
    /// Nothing more, until whoever asked goes away.
    Silence,
    /// The connection breaks off.
    Death,
}

impl Said {
    /// Text, word by word.
    #[must_use]
    pub fn words(text: &str) -> Vec<Self> {
        text.split_inclusive(' ').map(|word| Self::Text(word.to_owned())).collect()
    }
}

type Script = dyn Fn(&Value) -> Vec<Said> + Send + Sync;

/// A running stand-in; it ends with the test.
pub struct Model {
    base: String,
    gate: Arc<Semaphore>,
    asked: watch::Receiver<Vec<Value>>,
    left: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Model {
    /// Starts one that answers each request as `script` says.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(script: impl Fn(&Value) -> Vec<Said> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}/v1", listener.local_addr()?);
        let (gate, left) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let left_of = Arc::clone(&left);
        let (seen, asked) = watch::channel(Vec::new());
        let (script, gate_of, seen): (Arc<Script>, _, _) = (Arc::new(script), Arc::clone(&gate), Arc::new(seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, gate, seen) = (Arc::clone(&script), Arc::clone(&gate_of), Arc::clone(&seen));
                // A host that is killed breaks its connections; that is what is tested.
                let left = Arc::clone(&left_of);
                tokio::spawn(async move {
                    // Silence ends well, when whoever asked goes away.
                    if let Ok(true) = serve(stream, &*script, &gate, &seen).await {
                        left.add_permits(1);
                    }
                });
            }
        });
        Ok(Self { base, gate, asked, left, task })
    }

    /// Its base URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Lets `times` answers that wait go on.
    pub fn open(&self, times: usize) {
        self.gate.add_permits(times);
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        self.asked.borrow().clone()
    }

    /// Waits until someone who was answered with silence has gone away.
    ///
    /// # Errors
    /// It has ended.
    pub async fn until_left(&self) -> Result<()> {
        self.left.acquire().await?.forget();
        Ok(())
    }

    /// Waits until it was asked `times` times.
    ///
    /// # Errors
    /// It has ended.
    pub async fn until_asked(&self, times: usize) -> Result<()> {
        self.asked.clone().wait_for(|asked| asked.len() >= times).await?;
        Ok(())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The text of the last line of a prompt that `role` says.
#[must_use]
pub fn last<'a>(prompt: &'a Value, role: &str) -> &'a str {
    let lines = prompt.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_role = lines.iter().rev().find(|line| line.get("role").and_then(Value::as_str) == Some(role));
    of_role.and_then(|line| line.get("content")).and_then(Value::as_str).unwrap_or_default()
}

/// Answers one request; `true` if with silence, until who asked was gone.
async fn serve(
    mut stream: TcpStream,
    script: &Script,
    gate: &Semaphore,
    seen: &watch::Sender<Vec<Value>>,
) -> Result<bool> {
    let prompt = request(&mut stream).await?;
    seen.send_modify(|asked| asked.push(prompt.clone()));
    let script = script(&prompt);
    if let Some(Said::Refusal(status, lines)) = script.first() {
        let head = format!("HTTP/1.1 {status} Refused\r\n{lines}content-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.shutdown().await?;
        return Ok(false);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut calls = 0;
    for said in script {
        let delta = match said {
            Said::Wait => {
                gate.acquire().await?.forget();
                continue;
            }
            Said::Bytes(bytes) => {
                stream.write_all(&bytes).await?;
                continue;
            }
            Said::Silence => {
                // It ends when the other side does.
                while stream.read(&mut [0]).await.unwrap_or(0) > 0 {}
                return Ok(true);
            }
            Said::Refusal(..) | Said::Death => return Ok(false),
            Said::Endless(text) => loop {
                event(&mut stream, &chunk(&json!({"content": text}), &Value::Null)).await?;
            },
            Said::Text(text) => json!({"content": text}),
            Said::Call(name, arguments) => call(&mut calls, &name, &arguments.to_string()),
            Said::Misspelt(name, arguments) => call(&mut calls, &name, &arguments),
        };
        event(&mut stream, &chunk(&delta, &Value::Null)).await?;
    }
    event(&mut stream, &chunk(&json!({}), &json!(if calls > 0 { "tool_calls" } else { "stop" }))).await?;
    let usage = json!({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30});
    event(&mut stream, &json!({"object": "chat.completion.chunk", "choices": [], "usage": usage})).await?;
    stream.write_all(b"data: [DONE]\n\n").await?;
    stream.shutdown().await?;
    Ok(false)
}

/// The delta of a wish to call a tool, one more than before.
fn call(calls: &mut usize, name: &str, arguments: &str) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    *calls += 1;
    json!({"tool_calls": [{"index": *calls - 1, "id": format!("call-{calls}"), "type": "function", "function": function}]})
}

fn chunk(delta: &Value, finish: &Value) -> Value {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
    json!({"id": "stand-in", "object": "chat.completion.chunk", "model": "stand-in", "choices": [choice]})
}

async fn event(stream: &mut TcpStream, event: &Value) -> Result<()> {
    stream.write_all(format!("data: {event}\n\n").as_bytes()).await?;
    Ok(stream.flush().await?)
}

/// The JSON body of one HTTP/1.1 request.
async fn request(stream: &mut TcpStream) -> Result<Value> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let read = stream.read(&mut buffer).await?;
        anyhow::ensure!(read > 0, "the request ended early");
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let body = bytes.get(end + 4..).unwrap_or_default();
        let length = length.context("the request has no length")?;
        if body.len() >= length {
            return Ok(serde_json::from_slice(body.get(..length).unwrap_or_default())?);
        }
    }
}
