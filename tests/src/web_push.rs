//! A receiver of Web Push on the loopback: a push service (RFC 8030) with one browser behind it, that
//! checks who sends (RFC 8292) and opens what was sent (RFC 8291). Its cryptography is aws-lc, another
//! than the plugin's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Salt, record size, length of the key, and the key (RFC 8188, section 2.1, with RFC 8291, section 4).
const HEADER: usize = 16 + 4 + 1 + 65;

/// A push service with a browser. It ends when it is dropped.
pub struct WebPushReceiver {
    address: SocketAddr,
    browser: Arc<Browser>,
    got: watch::Receiver<Vec<Value>>,
    task: JoinHandle<()>,
}

/// What only the browser knows, and what it was told.
struct Browser {
    key: PrivateKey,
    point: Vec<u8>,
    auth: [u8; 16],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_expired: bool,
    refused: Vec<String>,
}

impl WebPushReceiver {
    /// Starts one on a free port, subscribed.
    ///
    /// # Errors
    /// There is no free port, or no randomness.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let key = PrivateKey::generate(&ECDH_P256)?;
        let point = key.compute_public_key()?.as_ref().to_vec();
        let mut auth = [0; 16];
        rand::fill(&mut auth)?;
        let browser = Arc::new(Browser { key, point, auth, state: Mutex::default() });
        let (keep, got) = watch::channel(Vec::new());
        let (keep, shared) = (Arc::new(keep), Arc::clone(&browser));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (browser, keep) = (Arc::clone(&shared), Arc::clone(&keep));
                let serve =
                    service_fn(move |request| answer(Arc::clone(&browser), Arc::clone(&keep), address, request));
                tokio::spawn(async move {
                    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), serve).await);
                });
            }
        });
        Ok(Self { address, browser, got, task })
    }

    /// Where it is, as `http://ADDRESS:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The subscription, as `PushSubscription.toJSON()` gives it.
    #[must_use]
    pub fn subscription(&self) -> Value {
        let keys = json!({
            "p256dh": URL_SAFE_NO_PAD.encode(&self.browser.point),
            "auth": URL_SAFE_NO_PAD.encode(self.browser.auth),
        });
        json!({"endpoint": format!("{}/send/1", self.origin()), "keys": keys})
    }

    /// Ends the subscription: from now on the push service answers 410.
    pub fn expire(&self) {
        self.browser.state().is_expired = true;
    }

    /// What was received so far, opened.
    #[must_use]
    pub fn received(&self) -> Vec<Value> {
        self.got.borrow().clone()
    }

    /// Why messages were refused so far.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.browser.state().refused.clone()
    }

    /// Waits until so many messages were received.
    ///
    /// # Errors
    /// The receiver ended.
    pub async fn wait_for(&self, count: usize) -> Result<Vec<Value>> {
        let mut got = self.got.clone();
        let got = got.wait_for(|got| got.len() >= count).await.context("the receiver ended")?;
        Ok(got.clone())
    }
}

impl Drop for WebPushReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Browser {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the message says.
    fn open(&self, body: &[u8]) -> Result<Value> {
        let header = body.get(..HEADER).context("the message is shorter than its header")?;
        let (salt, rest) = header.split_at(16);
        let sender = rest.get(5..).context("the header has no key")?;
        let input = |shared: &[u8]| -> Result<Vec<u8>> {
            let info = [b"WebPush: info\0", self.point.as_slice(), sender].concat();
            derive(&self.auth, shared, &info, 32)
        };
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let input = agreement::agree(&self.key, peer, anyhow!("the sender's key is no point"), input)?;
        let key = derive(salt, &input, b"Content-Encoding: aes128gcm\0", 16)?;
        let nonce = derive(salt, &input, b"Content-Encoding: nonce\0", 12)?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
        let mut record = body.get(HEADER..).unwrap_or_default().to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&nonce)?;
        let opened = key.open_in_place(nonce, Aad::empty(), &mut record).map_err(|_| anyhow!("it does not open"))?;
        let end = opened.iter().rposition(|byte| *byte != 0).context("the record is empty")?;
        ensure!(opened.get(end) == Some(&2), "the record has no delimiter");
        Ok(serde_json::from_slice(opened.get(..end).unwrap_or_default())?)
    }
}

/// HKDF with SHA-256 (RFC 5869).
fn derive(salt: &[u8], input: &[u8], info: &[u8], length: usize) -> Result<Vec<u8>> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let info = [info];
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input);
    let mut derived = vec![0; length];
    key.expand(&info, Length(length))?.fill(&mut derived)?;
    Ok(derived)
}

async fn answer(
    browser: Arc<Browser>,
    keep: Arc<watch::Sender<Vec<Value>>>,
    address: SocketAddr,
    request: Request<Incoming>,
) -> hyper::Result<Response<Empty<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    if browser.state().is_expired {
        return Ok(with_status(StatusCode::GONE));
    }
    let opened = check(&head.headers, &format!("http://{address}")).and_then(|()| browser.open(&body));
    Ok(match opened {
        Ok(message) => {
            keep.send_modify(|got| got.push(message));
            with_status(StatusCode::CREATED)
        }
        Err(why) => {
            browser.state().refused.push(why.to_string());
            with_status(StatusCode::BAD_REQUEST)
        }
    })
}

fn with_status(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}

/// Whether the headers are those of RFC 8030, and the sender the one that it says.
fn check(headers: &HeaderMap, origin: &str) -> Result<()> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    ensure!(header("content-encoding") == Some("aes128gcm"), "the content encoding is another than aes128gcm");
    let ttl = header("ttl").and_then(|ttl| ttl.parse::<u32>().ok());
    ensure!(ttl.is_some(), "there is no TTL");
    let authorization = header("authorization").and_then(|value| value.strip_prefix("vapid t="));
    let (token, key) = authorization.and_then(|value| value.split_once(", k=")).context("nobody signed it")?;
    let (signed, written) = token.rsplit_once('.').context("the token has no signature")?;
    let (key, written) = (URL_SAFE_NO_PAD.decode(key)?, URL_SAFE_NO_PAD.decode(written)?);
    let public = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    public.verify(signed.as_bytes(), &written).map_err(|_| anyhow!("the signature is another's"))?;
    let claims = signed.split('.').nth(1).context("the token has no claims")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    let claim = |name: &str| claims.get(name).cloned().unwrap_or_default();
    ensure!(claim("aud") == origin, "the token is for another push service");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let expires = claim("exp").as_u64().unwrap_or_default();
    ensure!(expires > now && expires <= now + 24 * 3_600, "the token is good for too long, or no more");
    ensure!(claim("sub").as_str().is_some_and(|sub| sub.contains(':')), "nobody can be asked about the sender");
    Ok(())
}
