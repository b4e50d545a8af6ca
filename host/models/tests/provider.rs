//! A provider that does what a test says, byte by byte: the faults that no real server shows on demand, and streams
//! that were recorded from a real one (llama.cpp's server, with a model of half a billion parameters).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use warbler_domain::{
    Line, ModelClient as _, ModelEndpoint, ModelError, Part, Prompt, RandomIds, Speaker, SystemClock, Usage,
};
use warbler_models::OpenAiClient;
use zeroize::Zeroizing;

const CHAT: &str = include_str!("recorded/chat.sse");
const TOOL_CALL: &str = include_str!("recorded/tool-call.sse");

/// A secret that must never come back.
const KEY: &str = "key-that-nobody-may-see";

/// A step of an answer.
#[derive(Clone)]
enum Step {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends it again and again, until nobody reads.
    Forever(Vec<u8>),
    /// Waits until the client goes away.
    Hold,
}

/// What the server heard, and did.
struct Provider {
    url: String,
    asked: mpsc::UnboundedReceiver<String>,
    connections: Arc<AtomicUsize>,
    left: mpsc::UnboundedReceiver<()>,
}

impl Provider {
    /// A server whose answers are `answers`, one for each request; the last one stays.
    async fn start(answers: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (heard, asked) = mpsc::unbounded_channel();
        let (gone, left) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let answer = answers.get(number).or(answers.last()).cloned().unwrap();
                tokio::spawn(serve(stream, answer, heard.clone(), gone.clone()));
            }
        });
        Self { url, asked, connections, left }
    }

    fn endpoint(&self) -> ModelEndpoint {
        ModelEndpoint {
            base_url: self.url.clone(),
            key: Some(Zeroizing::new(KEY.into())),
            model: "small".into(),
            first_byte: Duration::from_secs(20),
            pause: Duration::from_secs(20),
            whole: Duration::from_mins(1),
            max_answer: 10_000,
        }
    }

    fn requests(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Vec<Step>,
    heard: mpsc::UnboundedSender<String>,
    gone: mpsc::UnboundedSender<()>,
) {
    let _ = heard.send(request(&mut stream).await);
    for step in answer {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
            Step::Forever(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Step::Hold => {
                let mut one = [0];
                while matches!(stream.read(&mut one).await, Ok(1)) {}
                let _ = gone.send(());
            }
        }
    }
}

/// A whole request: its head, and its body by `content-length`.
async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        assert_ne!(count, 0, "the request broke off: {text}");
    }
}

fn head(status: &str, headers: &str) -> Step {
    Step::Send(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n").into_bytes())
}

fn events(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

fn streaming() -> Step {
    head("200 OK", "content-type: text/event-stream\r\n")
}

fn token(text: &str) -> String {
    format!("data: {}\n\n", serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn client() -> OpenAiClient {
    OpenAiClient::new(Arc::new(SystemClock), Arc::new(RandomIds)).unwrap()
}

fn prompt() -> Prompt {
    let line = Line { speaker: Speaker::User, text: "Hi".into(), tool_calls: Vec::new(), tool_call_id: None };
    Prompt { lines: vec![line], ..Prompt::default() }
}

/// The parts of the answer, and the error that ended it.
async fn answer(endpoint: &ModelEndpoint) -> (Vec<Part>, Option<ModelError>) {
    let mut completion = match client().complete(endpoint, prompt()).await {
        Ok(completion) => completion,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut parts = Vec::new();
    while let Some(part) = completion.next().await {
        match part {
            Ok(part) => parts.push(part),
            Err(error) => {
                assert!(completion.next().await.is_none(), "something came after the error");
                return (parts, Some(error));
            }
        }
    }
    (parts, None)
}

async fn answer_of(steps: Vec<Step>) -> (Vec<Part>, Option<ModelError>) {
    let provider = Provider::start(vec![steps]).await;
    answer(&provider.endpoint()).await
}

fn text_of(parts: &[Part]) -> String {
    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

#[tokio::test]
async fn a_recorded_answer_is_read_whole_with_what_it_used() {
    let (parts, error) = answer_of(vec![streaming(), events(CHAT)]).await;
    assert_eq!(error, None);
    assert!(text_of(&parts).starts_with("北京"), "{parts:?}");
    assert_eq!(parts.last(), Some(&Part::Finished(Usage { prompt_tokens: 34, completion_tokens: 13 })));
}

#[tokio::test]
async fn a_recorded_tool_call_comes_as_one() {
    let (parts, error) = answer_of(vec![streaming(), events(TOOL_CALL)]).await;
    assert_eq!(error, None);
    let [Part::ToolCall(call), Part::Finished(used)] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!((call.name.as_str(), used.completion_tokens), ("get_weather", 22));
    let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap();
    assert_eq!(arguments["city"], "Beijing");
}

#[tokio::test]
async fn where_the_network_cuts_a_stream_makes_no_difference() {
    let (whole, _) = answer_of(vec![streaming(), events(CHAT)]).await;
    for size in [1, 7, 100] {
        let mut steps = vec![streaming()];
        steps.extend(CHAT.as_bytes().chunks(size).map(|chunk| Step::Send(chunk.to_vec())));
        assert_eq!(answer_of(steps).await, (whole.clone(), None), "in pieces of {size}");
    }
}

#[tokio::test]
async fn the_request_carries_the_key_the_model_and_the_wish_for_usage() {
    let mut provider = Provider::start(vec![vec![streaming(), events(CHAT)]]).await;
    answer(&provider.endpoint()).await;
    let asked = provider.asked.recv().await.unwrap();
    assert!(asked.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("authorization: Bearer {KEY}\r\n")), "{asked}");
    assert!(asked.contains(r#""stream_options":{"include_usage":true}"#) && asked.contains(r#""model":"small""#));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_at_the_first_byte() {
    let mut provider = Provider::start(vec![vec![Step::Hold]]).await;
    let endpoint = ModelEndpoint { first_byte: Duration::from_millis(200), ..provider.endpoint() };
    let (parts, error) = answer(&endpoint).await;
    assert!(parts.is_empty() && error.unwrap().is_transient());
    provider.left.recv().await.unwrap();
}

#[tokio::test]
async fn headers_alone_are_no_first_byte() {
    let provider = Provider::start(vec![vec![streaming(), Step::Hold]]).await;
    let endpoint = ModelEndpoint { first_byte: Duration::from_millis(200), ..provider.endpoint() };
    assert!(answer(&endpoint).await.1.unwrap().is_transient());
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_the_pause() {
    let provider = Provider::start(vec![vec![streaming(), events(&token("one")), Step::Hold]]).await;
    let endpoint = ModelEndpoint { pause: Duration::from_millis(200), ..provider.endpoint() };
    let (parts, error) = answer(&endpoint).await;
    assert_eq!(text_of(&parts), "one");
    assert!(error.unwrap().is_transient());
}

#[tokio::test]
async fn a_stream_that_dies_gives_what_came_and_then_an_error() {
    let (parts, error) = answer_of(vec![streaming(), events(&token("half an"))]).await;
    assert_eq!(text_of(&parts), "half an");
    assert!(error.unwrap().is_transient());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_at_the_limit_that_the_error_names() {
    let (_, error) = answer_of(vec![streaming(), Step::Forever(token("word ").into_bytes())]).await;
    assert_eq!(error, Some(ModelError::Refused { text: "the answer is longer than 10000 bytes".into() }));
}

#[tokio::test]
async fn an_event_without_an_end_is_cut_off_too() {
    let (_, error) = answer_of(vec![streaming(), events("data: "), Step::Forever(vec![b'x'; 1000])]).await;
    assert_eq!(error, Some(ModelError::Refused { text: "the answer is longer than 10000 bytes".into() }));
}

#[tokio::test]
async fn a_stream_that_says_nothing_for_ever_ends_with_its_time() {
    let provider = Provider::start(vec![vec![streaming(), Step::Forever(b": still thinking\n\n".to_vec())]]).await;
    let endpoint =
        ModelEndpoint { whole: Duration::from_millis(300), max_answer: usize::MAX / 8, ..provider.endpoint() };
    let error = answer(&endpoint).await.1.unwrap();
    assert_eq!(error, ModelError::Refused { text: "the answer did not end within its time".into() });
}

#[tokio::test]
async fn events_that_are_no_json_are_refused() {
    let (parts, error) = answer_of(vec![streaming(), events(&token("ok")), events("data: {\"choices\": [\n\n")]).await;
    assert_eq!(text_of(&parts), "ok");
    let error = error.unwrap();
    assert!(matches!(&error, ModelError::Refused { text } if text.contains("makes no sense")), "{error}");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let (_, error) = answer_of(vec![streaming(), Step::Send(b"data: \xff\xfe\n\n".to_vec())]).await;
    assert!(matches!(error, Some(ModelError::Refused { .. })), "{error:?}");
}

#[tokio::test]
async fn an_error_within_the_stream_ends_it() {
    let busy =
        "data: {\"error\": {\"code\": 503, \"message\": \"slots are full\", \"type\": \"unavailable_error\"}}\n\n";
    let (parts, error) = answer_of(vec![streaming(), events(&token("a")), events(busy)]).await;
    assert_eq!(text_of(&parts), "a");
    assert!(error.unwrap().is_transient());
}

#[tokio::test]
async fn arguments_that_are_no_json_are_passed_on_as_they_are() {
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"x","arguments":"{\"q\": "}}]},
        "finish_reason":"tool_calls"}]}"#;
    let event = format!("data: {}\n\ndata: [DONE]\n\n", call.replace('\n', ""));
    let (parts, error) = answer_of(vec![streaming(), events(&event)]).await;
    assert_eq!(error, None);
    assert!(matches!(&parts[0], Part::ToolCall(call) if call.arguments == "{\"q\": "), "{parts:?}");
}

#[tokio::test]
async fn too_many_requests_tells_when_to_come_back_and_asks_once() {
    let provider =
        Provider::start(vec![vec![head("429 Too Many Requests", "retry-after: 7\r\ncontent-length: 0\r\n")]]).await;
    let error = answer(&provider.endpoint()).await.1;
    assert_eq!(error, Some(ModelError::Unavailable { after: Duration::from_secs(7) }));
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_server_that_is_back_at_once_is_asked_again_once() {
    let busy = vec![head("503 Service Unavailable", "retry-after: 0\r\ncontent-length: 0\r\n")];
    let provider = Provider::start(vec![busy.clone(), vec![streaming(), events(CHAT)]]).await;
    let (parts, error) = answer(&provider.endpoint()).await;
    assert_eq!((error, provider.requests()), (None, 2));
    assert!(!parts.is_empty());
    let provider = Provider::start(vec![busy]).await;
    assert!(answer(&provider.endpoint()).await.1.unwrap().is_transient());
    assert_eq!(provider.requests(), 2);
}

#[tokio::test]
async fn a_server_that_is_away_for_longer_is_not_waited_for() {
    let busy = vec![head("503 Service Unavailable", "retry-after: 30\r\ncontent-length: 0\r\n")];
    let provider = Provider::start(vec![busy]).await;
    let error = answer(&provider.endpoint()).await.1;
    assert_eq!(error, Some(ModelError::Unavailable { after: Duration::from_secs(30) }));
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_connection_that_is_refused_is_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let provider = Provider::start(vec![Vec::new()]).await;
    let endpoint = ModelEndpoint { base_url: format!("http://{free}/v1"), ..provider.endpoint() };
    assert!(answer(&endpoint).await.1.unwrap().is_transient());
}

#[tokio::test]
async fn a_refusal_gives_the_providers_words_without_the_key() {
    let body = format!(r#"{{"error": {{"message": "model small is not for {KEY} to use"}}}}"#);
    let refused = head("404 Not Found", &format!("content-length: {}\r\n", body.len()));
    let (_, error) = answer_of(vec![refused, events(&body)]).await;
    assert_eq!(error, Some(ModelError::Refused { text: "model small is not for [hidden] to use".into() }));
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let (_, error) =
        answer_of(vec![head("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n")]).await;
    assert!(matches!(&error, Some(ModelError::Refused { text }) if text.contains("redirects")), "{error:?}");
}

#[tokio::test]
async fn a_server_that_cannot_tell_usage_is_asked_without() {
    let body = r#"{"error": {"message": "unknown field: stream_options"}}"#;
    let refused = vec![head("400 Bad Request", &format!("content-length: {}\r\n", body.len())), events(body)];
    let mut provider = Provider::start(vec![refused, vec![streaming(), events(CHAT)]]).await;
    assert_eq!(answer(&provider.endpoint()).await.1, None);
    provider.asked.recv().await.unwrap();
    assert!(!provider.asked.recv().await.unwrap().contains("stream_options"));
}

#[tokio::test]
async fn dropping_the_answer_ends_the_request() {
    let mut provider = Provider::start(vec![vec![streaming(), events(&token("one")), Step::Hold]]).await;
    let mut completion = client().complete(&provider.endpoint(), prompt()).await.unwrap();
    assert_eq!(completion.next().await, Some(Ok(Part::Text("one".into()))));
    drop(completion);
    provider.left.recv().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_comes_whole_is_an_answer() {
    let body = r#"{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}"#;
    let whole = head("200 OK", &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    let (parts, error) = answer_of(vec![whole, events(body)]).await;
    assert_eq!((text_of(&parts).as_str(), error), ("Hello", None));
}

#[tokio::test]
async fn vectors_are_asked_for_in_batches_and_come_in_order() {
    let vector = |from: usize, count: usize| {
        let data: Vec<_> = (0..count).map(|at| serde_json::json!({"index": at, "embedding": [from + at, 1]})).collect();
        let body = serde_json::json!({"data": data}).to_string();
        vec![
            head("200 OK", &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())),
            events(&body),
        ]
    };
    // One batch at a time is full; with two under way the second may be served first, so both have to fit.
    let provider = Provider::start(vec![vector(0, 10), vector(0, 10)]).await;
    let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
    let vectors = client().embed(&provider.endpoint(), texts).await.unwrap();
    assert_eq!((vectors.len(), provider.requests()), (20, 2));
    assert_eq!(vectors[13], [3.0, 1.0]);
}
