//! The load: senders keep a window of messages in flight, receivers count what reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use warbler_benches::process;
use warbler_tests::client::Client;

use crate::world::{PAIRS, World};

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Shape {
    /// Twenty direct conversations with one sender each.
    Pairs,
    /// One group of fifty with five senders.
    Group,
}

/// What people say: ordinary messages in two languages, that no filter has anything against.
const LINES: [&str; 8] = [
    "The quarterly figures are in the shared folder, please have a look before Thursday and tell me what you think.",
    "早上好，会议改到下午三点，请大家提前把材料准备好，我会把议程发到群里。",
    "Sure, I'll do it after lunch. Could you send me the slides from last week as well?",
    "报告我已经看过了，第二部分的数据需要再核对一下，其他没有问题，辛苦了。",
    "The build is green again; the flaky test was waiting for a port that another job had taken.",
    "周末一起去爬山吗？天气预报说是晴天，我们可以坐早上八点的车，晚上回来吃饭。",
    "Thanks for the quick answer! I've forwarded it to the team in Lisbon, they'll take it from here.",
    "新版本今天晚上上线，预计十分钟左右，期间请不要提交代码，完成后我会通知大家。",
];

/// Senders in the group.
const GROUP_SENDERS: usize = 5;

/// What one round gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    span: Duration,
    acknowledged: u64,
    delivered: u64,
    host_cpu_seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Measured {
    pub(crate) fn acknowledged_per_second(&self) -> f64 {
        self.acknowledged as f64 / self.span.as_secs_f64()
    }

    pub(crate) fn deliveries_per_second(&self) -> f64 {
        self.delivered as f64 / self.span.as_secs_f64()
    }

    pub(crate) fn host_cpu_per_100_000(&self) -> f64 {
        self.host_cpu_seconds * 100_000.0 / self.acknowledged.max(1) as f64
    }
}

/// Shared by everyone of one round.
#[derive(Default)]
struct Tally {
    acknowledged: AtomicU64,
    delivered: AtomicU64,
    stop: AtomicBool,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The part of a frame that the generator looks at.
#[derive(Deserialize)]
struct Head<'a> {
    op: &'a str,
    #[serde(default)]
    key: Option<&'a str>,
}

/// One round.
pub(crate) async fn run(world: &World, shape: Shape, window: usize, filters: bool, span: Duration) -> Result<Measured> {
    let side = world.side(filters);
    let tally = Arc::new(Tally::default());
    let mut tasks: JoinSet<Result<Vec<Duration>>> = JoinSet::new();
    let (senders, people) = match shape {
        Shape::Pairs => (PAIRS, PAIRS * 2),
        Shape::Group => (GROUP_SENDERS, side.people.len()),
    };
    for (number, person) in side.people.iter().take(people).enumerate() {
        let (sink, stream) = connect(person).await?.split();
        let conversation = match shape {
            Shape::Pairs => side.direct.get(number / 2).context("a pair without a conversation")?.clone(),
            Shape::Group => side.group.clone(),
        };
        let sends = match shape {
            Shape::Pairs => number % 2 == 0 && number / 2 < senders,
            Shape::Group => number < senders,
        };
        let tally = Arc::clone(&tally);
        if sends {
            tasks.spawn(send(sink, stream, conversation, window, number, tally));
        } else {
            tasks.spawn(receive(sink, stream, tally));
        }
    }
    // Some seconds to warm up, then what is counted.
    tokio::time::sleep(span / 4).await;
    let read = || (tally.acknowledged.load(Ordering::Relaxed), tally.delivered.load(Ordering::Relaxed));
    let (began, cpu, before) = (Instant::now(), process::cpu_seconds(world.process())?, read());
    tokio::time::sleep(span).await;
    let (span, after) = (began.elapsed(), read());
    let host_cpu_seconds = process::cpu_seconds(world.process())? - cpu;
    tally.stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    latencies.sort_unstable();
    let percentile = |share: usize| {
        let at = (latencies.len() * share / 100).min(latencies.len().saturating_sub(1));
        latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    };
    Ok(Measured {
        span,
        acknowledged: after.0 - before.0,
        delivered: after.1 - before.1,
        host_cpu_seconds,
        p50_ms: percentile(50),
        p99_ms: percentile(99),
    })
}

async fn connect(person: &Client) -> Result<Stream> {
    Ok(person.connect(serde_json::json!({})).await?.into_stream())
}

/// Keeps `window` messages in flight until the round ends; gives the time of each acknowledgement.
async fn send(
    mut sink: SplitSink<Stream, Message>,
    mut stream: SplitStream<Stream>,
    conversation: String,
    window: usize,
    number: usize,
    tally: Arc<Tally>,
) -> Result<Vec<Duration>> {
    let round = Instant::now();
    let mut sent = Vec::new();
    let mut latencies = Vec::new();
    let next = |sent: &mut Vec<Instant>| {
        let key = format!("{number}-{}-{}", round.elapsed().as_nanos(), sent.len());
        let line = LINES.get(sent.len() % LINES.len()).copied().unwrap_or_default();
        sent.push(Instant::now());
        // The key ends in the message's number, from which the time of sending is found.
        Message::Text(Utf8Bytes::from(format!(
            r#"{{"op":"send","key":"{key}","conversation":"{conversation}","body":{{"type":"text","text":"{line}"}}}}"#
        )))
    };
    for _ in 0..window {
        sink.feed(next(&mut sent)).await?;
    }
    sink.flush().await?;
    let mut in_flight = window;
    while in_flight > 0 {
        let Some(frame) = stream.next().await else { bail!("the host closed a sender's socket") };
        let Message::Text(frame) = frame? else { continue };
        let head: Head<'_> = serde_json::from_str(&frame)?;
        match head.op {
            "sent" => {
                let key = head.key.context("an acknowledgement without a key")?;
                let at: usize = key.rsplit('-').next().unwrap_or_default().parse()?;
                latencies.push(sent.get(at).context("an unknown key")?.elapsed());
                tally.acknowledged.fetch_add(1, Ordering::Relaxed);
                in_flight -= 1;
                if !tally.stop.load(Ordering::Relaxed) {
                    sink.send(next(&mut sent)).await?;
                    in_flight += 1;
                }
            }
            "message" => {
                tally.delivered.fetch_add(1, Ordering::Relaxed);
            }
            "refused" | "held" => bail!("a message was not taken: {frame}"),
            _ => {}
        }
    }
    sink.close().await?;
    Ok(latencies)
}

/// Counts messages until the round ends.
async fn receive(
    mut sink: SplitSink<Stream, Message>,
    mut stream: SplitStream<Stream>,
    tally: Arc<Tally>,
) -> Result<Vec<Duration>> {
    while !tally.stop.load(Ordering::Relaxed) {
        // A receiver without traffic still has to notice the end of the round.
        let Ok(frame) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await else { continue };
        let Some(frame) = frame.transpose()? else { bail!("the host closed a receiver's socket") };
        let Message::Text(frame) = frame else { continue };
        if serde_json::from_str::<Head<'_>>(&frame)?.op == "message" {
            tally.delivered.fetch_add(1, Ordering::Relaxed);
        }
    }
    sink.close().await?;
    Ok(Vec::new())
}
