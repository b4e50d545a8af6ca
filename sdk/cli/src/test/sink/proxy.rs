//! A proxy before the author's server that does what networks and servers do on bad days. It speaks as
//! much HTTP/1.1 as that takes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Requests are taken, and nobody answers.
    Silent,
    /// The connection is cut once so many bytes of a request went through.
    CutRequest(u64),
    /// The request goes through, and the connection is cut after so many bytes of the answer.
    CutAnswer(u64),
    /// Every request is answered with status 503.
    Busy,
    /// Only the first half of an answer's body gets through, in a message that looks whole.
    HalfAnswer,
}

/// The proxy, until it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    /// The present fault; connections end when it changes, because a client keeps them open.
    fault: watch::Sender<Fault>,
    listening: JoinHandle<()>,
}

/// The longest head of a message, in bytes.
const LONGEST_HEAD: usize = 64 << 10;

impl Proxy {
    /// Listens on a free port of the loopback interface, in front of `server`.
    pub(super) async fn start(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, seen) = watch::channel(Fault::None);
        let listening = tokio::spawn(async move {
            // Connections end together with this task.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let mut seen = seen.clone();
                let fault = *seen.borrow_and_update();
                connections.spawn(async move {
                    tokio::select! {
                        _ = seen.changed() => {}
                        // How a connection ends is seen by the sink alone.
                        _ = serve(client, server, fault) => {}
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, fault, listening })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has `fault` go wrong from now on. Connections that are open are cut.
    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut client: TcpStream, server: SocketAddr, fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::None => copy_bidirectional(&mut client, &mut TcpStream::connect(server).await?).await.map(drop),
        Fault::Silent => copy(&mut client, &mut tokio::io::sink()).await.map(drop),
        Fault::CutRequest(bytes) => {
            let server = TcpStream::connect(server).await?;
            copy(&mut client.take(bytes), &mut { server }).await.map(drop)
        }
        Fault::CutAnswer(bytes) => {
            let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
            let (mut from_client, mut to_client) = client.into_split();
            let answer = async {
                // The server did what it was asked for once it begins to answer.
                let mut first = [0; 1];
                from_server.read_exact(&mut first).await?;
                let Some(more) = bytes.checked_sub(1) else { return Ok(()) };
                to_client.write_all(&first).await?;
                copy(&mut (&mut from_server).take(more), &mut to_client).await.map(drop)
            };
            tokio::select! {
                sent = copy(&mut from_client, &mut to_server) => sent.map(drop),
                answered = answer => answered,
            }
        }
        Fault::Busy => busy(client).await,
        Fault::HalfAnswer => half(client, server).await,
    }
}

/// Reads whole requests and refuses them.
async fn busy(mut client: TcpStream) -> std::io::Result<()> {
    while let Some(head) = Head::read(&mut client).await? {
        let left = head.length().saturating_sub(head.rest.len() as u64);
        copy(&mut (&mut client).take(left), &mut tokio::io::sink()).await?;
        client.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n").await?;
    }
    Ok(())
}

/// Lets one request through, and half of the answer's body.
async fn half(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let Some(request) = Head::read(&mut client).await? else { return Ok(()) };
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(request.closing(None).as_bytes()).await?;
    upstream.write_all(&request.rest).await?;
    let left = request.length().saturating_sub(request.rest.len() as u64);
    copy(&mut (&mut client).take(left), &mut upstream).await?;
    let Some(mut answer) = Head::read(&mut upstream).await? else { return Ok(()) };
    upstream.read_to_end(&mut answer.rest).await?;
    let body = if answer.is_chunked() { unchunk(&answer.rest) } else { std::mem::take(&mut answer.rest) };
    let half = body.get(..body.len() / 2).unwrap_or_default();
    client.write_all(answer.closing(Some(half.len())).as_bytes()).await?;
    client.write_all(half).await?;
    client.shutdown().await
}

/// The head of a message, and what of its body came along.
struct Head {
    text: String,
    rest: Vec<u8>,
}

impl Head {
    /// Reads a head; nothing if the connection ends before it.
    async fn read(from: &mut TcpStream) -> std::io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                return Ok(Some(Self { text: String::from_utf8_lossy(&bytes).into_owned(), rest }));
            }
            if bytes.len() > LONGEST_HEAD || from.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.text.lines().filter_map(|line| line.split_once(':'));
        headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    fn length(&self) -> u64 {
        self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"))
    }

    /// The head of a message after which the connection ends; with another length of the body, if given.
    fn closing(&self, length: Option<usize>) -> String {
        let replaced = |line: &str| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            name == "connection" || (length.is_some() && matches!(&*name, "content-length" | "transfer-encoding"))
        };
        let mut lines: Vec<String> =
            self.text.trim_end().lines().filter(|line| !replaced(line)).map(str::to_owned).collect();
        lines.push("connection: close".into());
        lines.extend(length.map(|length| format!("content-length: {length}")));
        lines.join("\r\n") + "\r\n\r\n"
    }
}

/// The body of a message in chunks (RFC 9112, section 7.1), as far as it came.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let (line, after) = rest.split_at(end);
        let digits = String::from_utf8_lossy(line);
        let length = usize::from_str_radix(digits.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let after = after.get(2..).unwrap_or_default();
        body.extend_from_slice(after.get(..length.min(after.len())).unwrap_or_default());
        if length == 0 {
            break;
        }
        rest = after.get(length.saturating_add(2)..).unwrap_or_default();
    }
    body
}
