//! A client of the public API, as an integrator would write one: JSON in, JSON out, and a socket.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a frame may take before a test gives up. Generous, because machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the host answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` if it is empty or not JSON.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is `status`.
    ///
    /// # Errors
    /// It is another, which the error shows with the body.
    pub fn with(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The stable code of a problem, or nothing.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Someone who talks to a host, signed in or not.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
}

impl Client {
    /// Someone who is not signed in.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), http: reqwest::Client::new(), token: None }
    }

    /// The same host, with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Signs in with a password.
    ///
    /// # Errors
    /// The host refused.
    pub async fn sign_in(&self, tenant: &str, user: &str, password: &str) -> Result<Self> {
        let body = json!({"tenant": tenant, "user": user, "password": password, "device": "test"});
        let body = self.post("/v1/sign-in", body).await?.with(200)?;
        Ok(self.with_token(text(&body, "token")?))
    }

    /// Any request with a JSON body.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.with_context(|| format!("{method} {path}"))?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    /// `POST path` with `body`.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PUT path` with `body`.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn put(&self, path: &str, body: Value) -> Result<Answer> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `POST path` with bytes of a media type.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn upload(&self, path: &str, media_type: &str, bytes: &[u8]) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("content-type", media_type);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.body(bytes.to_vec()).send().await.with_context(|| format!("POST {path}"))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.with_context(|| format!("POST {path}"))?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// `PATCH path` with `body`.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn patch(&self, path: &str, body: Value) -> Result<Answer> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.call(Method::DELETE, path, None).await
    }

    /// The bytes at `path`.
    ///
    /// # Errors
    /// The host could not be reached, or answered with another status than 200.
    pub async fn download(&self, path: &str) -> Result<Vec<u8>> {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.with_context(|| format!("GET {path}"))?;
        ensure!(response.status().as_u16() == 200, "GET {path}: {}", response.status());
        Ok(response.bytes().await.with_context(|| format!("GET {path}"))?.to_vec())
    }

    /// Sends a text message under a key.
    ///
    /// # Errors
    /// The host could not be reached.
    pub async fn send(&self, conversation: &str, key: &str, text: &str) -> Result<Answer> {
        let body = json!({"key": key, "body": {"type": "text", "text": text}});
        self.post(&format!("/v1/conversations/{conversation}/messages"), body).await
    }

    /// Opens the socket and says hello with `cursors`, an object of conversation to sequence.
    ///
    /// # Errors
    /// The host refused, or did not answer `ready`.
    pub async fn connect(&self, cursors: Value) -> Result<Socket> {
        let address = format!("{}/v1/connect", self.base.replacen("http", "ws", 1));
        let mut request = address.into_client_request()?;
        let token = self.token.as_ref().context("not signed in")?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let (stream, _) = tokio_tungstenite::connect_async(request).await.context("the socket was refused")?;
        let mut socket = Socket { stream };
        socket.say(&json!({"op": "hello", "cursors": cursors})).await?;
        socket.until("ready").await?;
        Ok(socket)
    }
}

/// A live connection.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// The stream beneath, for those who count frames rather than read them.
    #[must_use]
    pub fn into_stream(self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        self.stream
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn say(&mut self, frame: &Value) -> Result<()> {
        self.say_text(&frame.to_string()).await
    }

    /// Sends a text frame as it is, be it JSON or not.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn say_text(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.send(Message::Text(Utf8Bytes::from(text))).await?)
    }

    /// The next JSON frame.
    ///
    /// # Errors
    /// The connection was closed (the error has the code), or nothing came for thirty seconds.
    pub async fn next(&mut self) -> Result<Value> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match frame.map_err(|_| anyhow!("no frame for {PATIENCE:?}"))? {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text)?),
                Some(Ok(Message::Close(Some(close)))) => {
                    bail!("closed with {}: {}", u16::from(close.code), close.reason)
                }
                Some(Ok(Message::Close(None))) | None => bail!("closed"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// The next frame with this `op`; others are passed over.
    ///
    /// # Errors
    /// As for [`Socket::next`].
    pub async fn until(&mut self, op: &str) -> Result<Value> {
        loop {
            let frame = self.next().await.with_context(|| format!("waiting for {op:?}"))?;
            if frame.get("op").and_then(Value::as_str) == Some(op) {
                return Ok(frame);
            }
        }
    }
}

/// The string under `name`.
///
/// # Errors
/// There is none.
pub fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("no string {name:?} in {value}"))
}
