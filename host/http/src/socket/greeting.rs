//! The first frame of a connection: who it is, and what it has already.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use warbler_service::{Caller, EndReason, ServiceError};

use super::Close;
use super::connection::{Deliveries, broken};
use super::frame::{ClientFrame, Hello, HostFrame};
use crate::api::Api;
use crate::problem::Problem;

/// Waits for `hello`. A connection that had no token in its request has it there.
///
/// # Errors
/// How to close the connection; the client has been told why.
pub(crate) async fn greet(api: &Api, socket: &mut WebSocket, known: Option<Caller>) -> Result<(Caller, Hello), Close> {
    let patience = api.options().hello_timeout;
    let hello = match tokio::time::timeout(patience, first(socket)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err((problem, close))) => return Err(refuse(socket, problem, close).await),
        Err(_) => return Err(refuse(socket, late(patience), Close::SignedOut).await),
    };
    let authenticated = match (known, hello.token.as_deref()) {
        (Some(caller), None) => caller.live().map(|()| caller),
        (None, Some(token)) => api.service().authentication().authenticate(token).await,
        (Some(_), Some(_)) => {
            let problem = Problem::invalid("token", "the request's header has a token already");
            return Err(refuse(socket, problem, Close::SignedOut).await);
        }
        (None, None) => Err(ServiceError::Unauthenticated),
    };
    match authenticated {
        Ok(caller) => Ok((caller, hello)),
        Err(ServiceError::SessionEnded { reason }) => Err(end(socket, reason).await),
        Err(error) => Err(refuse(socket, error.into(), Close::SignedOut).await),
    }
}

/// Opens the live connection of someone who has been greeted, and tells them so.
///
/// # Errors
/// How to close the connection; the client has been told why.
pub(crate) async fn open(
    api: &Api,
    caller: &Caller,
    socket: &mut WebSocket,
    hello: Hello,
) -> Result<Deliveries, Close> {
    match api.service().live().connect(caller, hello.cursors).await {
        Ok(connection) => {
            say(socket, &HostFrame::Ready { session: caller.session(), user: caller.user() }).await;
            Ok(connection.into_stream())
        }
        Err(ServiceError::SessionEnded { reason }) => Err(end(socket, reason).await),
        Err(error) => Err(refuse(socket, error.into(), Close::TryAgain).await),
    }
}

/// Tells the client that its session is over.
async fn end(socket: &mut WebSocket, reason: EndReason) -> Close {
    say(socket, &HostFrame::Ended { reason: reason.as_str() }).await;
    Close::SignedOut
}

async fn refuse(socket: &mut WebSocket, problem: Problem, close: Close) -> Close {
    say(socket, &HostFrame::Problem { problem }).await;
    close
}

async fn say(socket: &mut WebSocket, frame: &HostFrame<'_>) {
    let frame = Message::Text(frame.write().into());
    // Who is gone needs no answer.
    let _ = tokio::time::timeout(super::WRITE_TIMEOUT, socket.send(frame)).await;
}

async fn first(socket: &mut WebSocket) -> Result<Hello, (Problem, Close)> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                return match ClientFrame::read(&text) {
                    Ok(ClientFrame::Hello(hello)) => Ok(hello),
                    Ok(_) => Err((expected(), Close::SignedOut)),
                    Err(bad) => Err((bad.problem, Close::SignedOut)),
                };
            }
            Some(Ok(Message::Binary(_))) => return Err((Problem::binary(), Close::Unsupported)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(Message::Close(_))) | None => return Err((expected(), Close::SignedOut)),
        }
    }
}

fn expected() -> Problem {
    Problem::invalid("op", "the first frame must be hello").coded("hello-expected")
}

fn late(patience: Duration) -> Problem {
    Problem::invalid("op", format!("no hello came within {} s", patience.as_secs())).coded("hello-expected")
}
