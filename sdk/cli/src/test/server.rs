//! A web server on loopback for plugins under test: it answers as a case says, and remembers what it was
//! asked. `{{server}}` in settings and cases stands for its address.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;

/// What stands for the server's address, as `http://ADDRESS:PORT`.
const PLACE: &str = "{{server}}";
/// Longest request that is read; the greatest blob fits.
const LONGEST: usize = 40 << 20;

/// One answer of the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// A part of the path and query of requests that it is for; any if absent.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// Its headers.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Its body: a text as it is, anything else as JSON.
    #[serde(default)]
    pub(super) body: Value,
    /// Whether it comes at all.
    #[serde(default)]
    pub(super) manner: Manner,
}

/// How the server treats a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Manner {
    /// It answers.
    #[default]
    Answers,
    /// It closes the connection instead.
    Cuts,
    /// It keeps silent.
    Stalls,
}

/// One request, as the server got it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// Names are in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// Gives the answer to a request.
type Script = Box<dyn FnMut(&Asked) -> Answer + Send>;

/// The server. It ends with the program.
pub(super) struct Server {
    address: SocketAddr,
    stage: Arc<Mutex<Stage>>,
}

struct Stage {
    script: Script,
    asked: Vec<Asked>,
}

impl Server {
    /// Starts one that answers 404 until it is told otherwise.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port can be opened")?;
        let address = listener.local_addr().context("the port has no address")?;
        let stage = Arc::new(Mutex::new(Stage { script: in_order(Vec::new()), asked: Vec::new() }));
        let shared = Arc::clone(&stage);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stage = Arc::clone(&shared);
                let serve = service_fn(move |request| answer(Arc::clone(&stage), request));
                tokio::spawn(async move {
                    let connection = auto::Builder::new(TokioExecutor::new());
                    // A plugin that hangs up is the plugin's affair.
                    drop(connection.serve_connection(TokioIo::new(stream), serve).await);
                });
            }
        });
        Ok(Self { address, stage })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on as `answers` say, and forgets what it was asked.
    pub(super) fn play(&self, answers: Vec<Answer>) {
        *lock(&self.stage) = Stage { script: in_order(answers), asked: Vec::new() };
    }

    /// What it was asked since then.
    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.stage).asked.clone()
    }

    /// Puts its address wherever `value` names it.
    pub(super) fn fill(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.fill(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.fill(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The same in a text.
    pub(super) fn fill_text(&self, text: &mut String) {
        if text.contains(PLACE) {
            *text = text.replace(PLACE, &format!("http://{}", self.address));
        }
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives each request the first answer that is for its path. It is used up, unless it is the last for it.
fn in_order(mut answers: Vec<Answer>) -> Script {
    Box::new(move |asked| {
        let is_for = |answer: &Answer| answer.path.as_ref().is_none_or(|path| asked.path.contains(path));
        let mut places = (0..answers.len()).filter(|at| answers.get(*at).is_some_and(is_for));
        match (places.next(), places.next()) {
            (Some(at), Some(_)) => answers.remove(at),
            (Some(at), None) => answers.get(at).cloned().unwrap_or_else(nothing),
            (None, _) => nothing(),
        }
    })
}

fn nothing() -> Answer {
    Answer { status: 404, path: None, headers: BTreeMap::new(), body: Value::Null, manner: Manner::Answers }
}

async fn answer(stage: Arc<Mutex<Stage>>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.map(Collected::to_bytes).unwrap_or_default();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: headers.collect(),
        body,
    };
    let answer = {
        let mut stage = lock(&stage);
        let answer = (stage.script)(&asked);
        stage.asked.push(asked);
        answer
    };
    match answer.manner {
        Manner::Answers => Ok(response(answer)),
        // An error makes the connection end without a response.
        Manner::Cuts => Err(io::ErrorKind::ConnectionAborted.into()),
        Manner::Stalls => std::future::pending().await,
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let body = match answer.body {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let broken = || {
        let mut response = Response::new(Full::from("the case's answer is no HTTP"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    response.body(Full::from(body)).unwrap_or_else(|_| broken())
}
