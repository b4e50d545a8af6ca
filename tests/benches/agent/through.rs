//! The same streams as replies of an agent, read by people at their sockets.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use warbler_tests::client::{Client, Socket};
use warbler_tests::host::Host;
use warbler_tests::tenant::{self, Tenant};

use crate::{Shape, millis, now, process, tokens};

/// People who share the conversations: each reads the replies of theirs at one socket.
const PEOPLE: [tenant::Role; 8] = [
    ("p1", "P1", "member"),
    ("p2", "P2", "member"),
    ("p3", "P3", "member"),
    ("p4", "P4", "member"),
    ("p5", "P5", "member"),
    ("p6", "P6", "member"),
    ("p7", "P7", "member"),
    ("p8", "P8", "member"),
];

/// Limits that so many conversations at once do not run into.
const LIMITS: &str = "[limits]\nmessages_burst = 100000\nmessages_per_second = 100000\nframes_burst = 100000\nframes_per_second = 100000\n";

/// How long nothing may come before it is taken for lost.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Milliseconds from the sending of each token to its frame at the reader's socket.
    pub(crate) latencies: Vec<f64>,
    /// Frames of growing replies.
    pub(crate) frames: usize,
    /// Resident memory of the host before, and at the most.
    pub(crate) resident: (u64, u64),
    /// Its threads before, and at the most.
    pub(crate) threads: (u64, u64),
}

/// A frame, as far as it matters here.
#[derive(Deserialize)]
struct Frame<'a> {
    op: &'a str,
    #[serde(borrow)]
    text: Option<&'a str>,
    message: Option<serde_json::Value>,
    #[serde(borrow)]
    conversation: Option<&'a str>,
}

/// Has `shape.replies` conversations answered at once.
pub(crate) async fn run(model: &str, shape: Shape) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let host = Host::start(folder.path(), LIMITS)?;
    tenant::trust(&host).await?;
    let acme = Tenant::make(&host, "acme", "Acme", &PEOPLE).await?;
    let body = json!({"name": "stand-in", "base_url": model, "model": "stand-in", "default": true});
    host.operator().post("/v1/operator/models", body).await?.with(200)?;
    let config = json!({"passages": 0, "tool_rounds": 0, "history_messages": 0, "max_answer_tokens": shape.tokens});
    let installed = acme.install_bundled("assistant", json!({"config": config})).await?;
    let settings = json!({"groups": "always"});
    let agent = json!({"name": "Robin", "installation": installed.pointer("/plugin/id"), "settings": settings});
    let agent = acme.owner.post("/v1/admin/agents", agent).await?.with(201)?;
    let robin = agent.pointer("/member/id").and_then(serde_json::Value::as_str).context("no agent")?.to_owned();

    // One short round first, so that compiled code, pools and connections are there before anything is counted.
    let person = acme.person(0)?;
    round(vec![(person.client.clone(), rooms(&person.client, &robin, 2).await?)], "warm", None).await?;
    let mut readers = Vec::new();
    for place in 0..PEOPLE.len() {
        let client = acme.person(place)?.client.clone();
        let rooms = rooms(&client, &robin, shape.replies / PEOPLE.len()).await?;
        readers.push((client, rooms));
    }
    let before = (process::resident_bytes(host.process())?, process::threads(host.process())?);
    let mut measured = round(readers, "run", Some(host.process())).await?;
    measured.resident.0 = before.0;
    measured.threads.0 = before.1;
    ensure!(
        measured.latencies.len() >= shape.replies * shape.tokens / 2,
        "only {} tokens came",
        measured.latencies.len()
    );
    host.stop()?;
    Ok(measured)
}

async fn rooms(client: &Client, robin: &str, count: usize) -> Result<Vec<String>> {
    let mut rooms = Vec::with_capacity(count);
    for number in 0..count {
        let body = json!({"kind": "group", "title": format!("Room {number}"), "members": [robin]});
        rooms.push(tenant::begin(client, body).await?);
    }
    Ok(rooms)
}

/// Everybody asks in all their rooms, and reads until all replies are posted.
async fn round(readers: Vec<(Client, Vec<String>)>, name: &'static str, watched: Option<u32>) -> Result<Measured> {
    let mut reading = JoinSet::new();
    for (client, rooms) in readers {
        let socket = client.connect(json!({})).await?;
        let expected = rooms.len();
        reading.spawn(read(socket, expected));
        for room in rooms {
            client.send(&room, name, "hello").await?.with(201)?;
        }
    }
    let mut measured = Measured::default();
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            done = reading.join_next() => match done {
                Some(done) => {
                    let (latencies, frames) = done??;
                    measured.latencies.extend(latencies);
                    measured.frames += frames;
                }
                None => return Ok(measured),
            },
            _ = ticks.tick() => {
                if let Some(host) = watched {
                    measured.resident.1 = measured.resident.1.max(process::resident_bytes(host)?);
                    measured.threads.1 = measured.threads.1.max(process::threads(host)?);
                }
            }
        }
    }
}

/// Reads growing replies until `expected` of them are posted.
async fn read(socket: Socket, expected: usize) -> Result<(Vec<f64>, usize)> {
    use futures::StreamExt as _;
    let mut stream = socket.into_stream();
    let (mut seen, mut latencies, mut frames, mut posted): (HashMap<String, usize>, _, _, _) =
        (HashMap::new(), Vec::new(), 0, 0);
    while posted < expected {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await.context("nothing came")?;
        let Message::Text(frame) = next.context("the socket closed")?? else { continue };
        let at = now();
        let frame: Frame<'_> = serde_json::from_str(&frame)?;
        match (frame.op, frame.text, frame.conversation) {
            ("reply", Some(text), Some(conversation)) => {
                frames += 1;
                let known = seen.entry(conversation.to_owned()).or_default();
                let fresh = text.get(*known..).unwrap_or_default();
                latencies.extend(tokens(fresh).map(|sent| millis(sent, at)));
                *known = text.rfind(' ').map_or(*known, |end| end + 1);
            }
            ("message", ..) => {
                let body = frame.message.as_ref().and_then(|message| message.pointer("/body/text"));
                let text = body.and_then(serde_json::Value::as_str).unwrap_or_default();
                posted += usize::from(text.contains("t="));
            }
            _ => {}
        }
    }
    Ok((latencies, frames))
}
