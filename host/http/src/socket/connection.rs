//! A live connection: a window of sends on their way, deliveries as they come, and one flush for all that
//! was ready at the same time.
//!
//! Sends are prepared side by side and handed to the log strictly in the order of their frames; the answers
//! come as they are ready.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ws::{Message, WebSocket};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesOrdered, FuturesUnordered};
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::WaitForCancellationFutureOwned;
use warbler_domain::ConversationId;
use warbler_service::{Caller, Delivery, Messages, NewBody, Prepared, Sent, ServiceError};

use super::frame::{self, ClientFrame, HostFrame};
use super::{Close, WRITE_TIMEOUT, outgoing};
use crate::api::Api;
use crate::problem::Problem;

/// Frames that are handled before what they caused is flushed.
const BATCH: usize = 64;

type Preparing = BoxFuture<'static, (String, Result<Prepared, ServiceError>)>;
type Committing = BoxFuture<'static, (String, Result<Sent, ServiceError>)>;
/// What the service delivers, in batches.
pub(super) type Deliveries = BoxStream<'static, Result<Vec<Arc<Delivery>>, ServiceError>>;

type Chore = BoxFuture<'static, Result<(), ServiceError>>;

/// One connection, after its greeting.
pub(crate) struct Connection {
    api: Api,
    caller: Caller,
    messages: Messages,
    socket: WebSocket,
    live: Deliveries,
    window: usize,
    frame_limit: usize,
    preparing: FuturesOrdered<Preparing>,
    committing: FuturesUnordered<Committing>,
    /// Read marks and typing: nobody waits for their outcome but to hear of an error.
    chores: FuturesUnordered<Chore>,
    outbox: Vec<Message>,
    pings: Interval,
    heard_at: Instant,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    /// A connection of `caller` over `socket`, which gets what `live` delivers.
    pub(crate) fn new(api: Api, caller: Caller, socket: WebSocket, live: Deliveries) -> Self {
        let every = api.options().ping_every;
        let mut pings = tokio::time::interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            messages: api.service().messages(),
            window: api.options().send_window,
            frame_limit: api.options().frame_limit(),
            closing: Box::pin(api.closing().clone().cancelled_owned()),
            preparing: FuturesOrdered::new(),
            committing: FuturesUnordered::new(),
            chores: FuturesUnordered::new(),
            outbox: Vec::new(),
            heard_at: Instant::now(),
            pings,
            api,
            caller,
            socket,
            live,
        }
    }

    /// Lives until either side ends it, and gives the socket back if there is a goodbye to say.
    pub(crate) async fn run(mut self) -> Option<(WebSocket, Close)> {
        loop {
            let end = std::future::poll_fn(|cx| self.poll_turn(cx)).await;
            if !self.write().await {
                return None;
            }
            match end {
                Turn::Go => {}
                Turn::Gone => return None,
                Turn::Close(close) => return Some((self.socket, close)),
            }
        }
    }

    /// Writes all that is ready, with one flush.
    async fn write(&mut self) -> bool {
        let (socket, outbox) = (&mut self.socket, &mut self.outbox);
        let write = async {
            for message in outbox.drain(..) {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        let written = matches!(tokio::time::timeout(WRITE_TIMEOUT, write).await, Ok(Ok(())));
        if outbox.capacity() > BATCH {
            // An idle connection should not keep what a busy moment took.
            outbox.shrink_to(0);
        }
        written
    }

    /// Does what can be done without waiting. Ready once there is something to write or the end has come.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let mut done = 0;
        loop {
            let before = done;
            done += usize::from(self.poll_committing(cx)) + usize::from(self.poll_preparing(cx));
            done += usize::from(self.poll_chores(cx));
            for poll in [Self::poll_live, Self::poll_socket, Self::poll_clock] {
                match poll(self, cx) {
                    Poll::Ready(Turn::Go) => done += 1,
                    Poll::Ready(end) => return Poll::Ready(end),
                    Poll::Pending => {}
                }
            }
            if done == before {
                break;
            }
            if done >= BATCH {
                return Poll::Ready(Turn::Go);
            }
        }
        if done > 0 { Poll::Ready(Turn::Go) } else { Poll::Pending }
    }

    fn poll_committing(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some((key, outcome))) = self.committing.poll_next_unpin(cx) else { return false };
        self.answer(key, outcome);
        true
    }

    fn poll_preparing(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some((key, prepared))) = self.preparing.poll_next_unpin(cx) else { return false };
        match prepared {
            Err(error) => self.answer(key, Err(error)),
            Ok(prepared) => {
                let messages = self.messages.clone();
                // The first poll puts it into the log's line: now, before that of any later frame. A task that
                // has done much is put off by tokio, which must not happen to one commit and not to the next.
                let commit = async move { (key, messages.commit(prepared).await) };
                let mut commit: Committing = Box::pin(tokio::task::coop::unconstrained(commit));
                match commit.as_mut().poll(cx) {
                    Poll::Ready((key, outcome)) => self.answer(key, outcome),
                    Poll::Pending => self.committing.push(commit),
                }
            }
        }
        true
    }

    fn poll_chores(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some(outcome)) = self.chores.poll_next_unpin(cx) else { return false };
        if let Err(error) = outcome {
            self.say(&HostFrame::Problem { problem: error.into() });
        }
        true
    }

    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let Poll::Ready(next) = self.live.poll_next_unpin(cx) else { return Poll::Pending };
        Poll::Ready(match next {
            Some(Ok(batch)) => {
                let (user, outbox) = (self.caller.user(), &mut self.outbox);
                outbox.extend(batch.iter().filter_map(|delivery| outgoing::frame(delivery, user)));
                Turn::Go
            }
            Some(Err(ServiceError::SessionEnded { reason })) => {
                self.say(&HostFrame::Ended { reason: reason.as_str() });
                Turn::Close(Close::SignedOut)
            }
            Some(Err(ServiceError::Unavailable { .. })) => Turn::Close(Close::GoingAway),
            Some(Err(error)) => self.refuse(error.into(), Close::TryAgain),
            None => Turn::Close(Close::TryAgain),
        })
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        // What is on its way is bounded: a client that asks for more waits at its own end of the wire.
        if self.preparing.len() + self.committing.len() + self.chores.len() >= self.window {
            return Poll::Pending;
        }
        let Poll::Ready(read) = self.socket.poll_next_unpin(cx) else { return Poll::Pending };
        self.heard_at = Instant::now();
        let turn = match read {
            Some(Ok(Message::Text(text))) if text.len() > self.frame_limit => {
                let limit = u64::try_from(self.frame_limit).unwrap_or(u64::MAX);
                self.refuse(Problem::too_large("the frame", limit), Close::TooBig)
            }
            Some(Ok(Message::Text(text))) => {
                self.take(&text);
                Turn::Go
            }
            Some(Ok(Message::Binary(_))) => self.refuse(Problem::binary(), Close::Unsupported),
            // The answer to a ping lies ready, and goes out with the next flush.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Turn::Go,
            Some(Ok(Message::Close(_))) | None => Turn::Gone,
            Some(Err(error)) => {
                let (problem, close) = broken(&error);
                self.refuse(problem, close)
            }
        };
        Poll::Ready(turn)
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if self.closing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Turn::Close(Close::GoingAway));
        }
        if self.pings.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        if self.heard_at.elapsed() > self.pings.period().saturating_mul(2) {
            tracing::debug!("a peer that was silent for two pings is taken for dead");
            return Poll::Ready(Turn::Gone);
        }
        self.outbox.push(Message::Ping(bytes::Bytes::new()));
        Poll::Ready(Turn::Go)
    }

    fn take(&mut self, text: &str) {
        let frame = match ClientFrame::read(text) {
            Ok(frame) => frame,
            Err(bad) => return self.say(&HostFrame::from(*bad)),
        };
        if let Err(error) = self.caller.admit_frame() {
            let key = match frame {
                ClientFrame::Send(send) => Some(send.key),
                _ => None,
            };
            return self.say(&HostFrame::from(frame::BadFrame { key, problem: error.into() }));
        }
        match frame {
            ClientFrame::Send(send) => self.send(*send),
            ClientFrame::Read(read) => {
                let (messages, caller) = (self.messages.clone(), self.caller.clone());
                let work = async move { messages.read(&caller, read.conversation, read.sequence).await.map(drop) };
                self.chores.push(Box::pin(work));
            }
            ClientFrame::Typing(typing) => self.typing(typing.conversation),
            ClientFrame::Stop(stop) => {
                let (agents, caller) = (self.api.service().agents().clone(), self.caller.clone());
                let work = async move { agents.stop(&caller, stop.conversation, stop.message).await };
                self.chores.push(Box::pin(work));
            }
            ClientFrame::Activity => {
                if let Err(error) = self.api.service().authentication().activity(&self.caller) {
                    self.say(&HostFrame::Problem { problem: error.into() });
                }
            }
            ClientFrame::Hello(_) => {
                let problem = Problem::invalid("op", "hello was said already");
                self.say(&HostFrame::Problem { problem });
            }
        }
    }

    fn send(&mut self, send: frame::Send) {
        let key = send.key;
        let body = match NewBody::try_from(send.body.0) {
            Ok(body) => body,
            Err(problem) => return self.say(&HostFrame::Refused { key: key.into(), problem }),
        };
        let send = warbler_service::Send {
            conversation: send.conversation,
            key: key.clone(),
            body,
            reply_to: send.reply_to,
            mentions: send.mentions,
        };
        let (messages, caller) = (self.messages.clone(), self.caller.clone());
        self.preparing.push_back(Box::pin(async move { (key, messages.prepare(&caller, send).await) }));
    }

    fn typing(&mut self, conversation: ConversationId) {
        let (messages, caller) = (self.messages.clone(), self.caller.clone());
        self.chores.push(Box::pin(async move { messages.typing(&caller, conversation).await }));
    }

    /// Answers a send.
    fn answer(&mut self, key: String, outcome: Result<Sent, ServiceError>) {
        match outcome {
            Ok(Sent::Committed(event)) => self.outbox.push(outgoing::sent(&key, &event)),
            Ok(Sent::Held { id, .. }) => self.say(&HostFrame::Held { key: key.into(), held: id }),
            Err(error) => self.say(&HostFrame::Refused { key: key.into(), problem: error.into() }),
        }
    }

    fn refuse(&mut self, problem: Problem, close: Close) -> Turn {
        self.say(&HostFrame::Problem { problem });
        Turn::Close(close)
    }

    fn say(&mut self, frame: &HostFrame<'_>) {
        self.outbox.push(Message::Text(frame.write().into()));
    }
}

/// What a turn led to.
enum Turn {
    /// On with it.
    Go,
    /// The other side is gone.
    Gone,
    /// A goodbye.
    Close(Close),
}

/// What a failed read means.
pub(super) fn broken(error: &axum::Error) -> (Problem, Close) {
    use tungstenite::error::{CapacityError, Error};
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
            let limit = u64::try_from(*max_size).unwrap_or(u64::MAX);
            (Problem::too_large("the frame", limit), Close::TooBig)
        }
        Some(Error::Utf8(_)) => (Problem::malformed("the frame is not UTF-8"), Close::NotText),
        _ => (Problem::malformed("the frame breaks the WebSocket protocol"), Close::Broken),
    }
}
