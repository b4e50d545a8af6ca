//! `/v1/connect` once it is a WebSocket: frames, the greeting, and the connection that follows.

mod connection;
pub(crate) mod frame;
mod greeting;
mod outgoing;

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};

pub(crate) use connection::Connection;
pub(crate) use greeting::{greet, open};

/// A client that does not take what it is sent for so long is taken for dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the two sides may take to part.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a connection is closed by the host: the codes of RFC 6455, section 7.4, and one of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The host stops.
    GoingAway,
    /// Something that is not WebSocket.
    Broken,
    /// A binary frame.
    Unsupported,
    /// Text that is not UTF-8.
    NotText,
    /// A frame that is too long.
    TooBig,
    /// The host failed, or the client has to come back and catch up.
    TryAgain,
    /// The session is over, or never was.
    SignedOut,
}

impl Close {
    const fn frame(self) -> (u16, &'static str) {
        match self {
            Self::GoingAway => (1001, "the host is stopping"),
            Self::Broken => (1002, "the frame breaks the protocol"),
            Self::Unsupported => (1003, "frames are JSON text"),
            Self::NotText => (1007, "the frame is not UTF-8"),
            Self::TooBig => (1009, "the frame is too long"),
            Self::TryAgain => (1013, "connect again, with your cursors"),
            Self::SignedOut => (4401, "not signed in"),
        }
    }
}

/// Says goodbye, if the client still listens.
pub(crate) async fn close(mut socket: WebSocket, close: Close) {
    let (code, reason) = close.frame();
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    // Who is gone needs no goodbye. Who is there takes leave, too: until then what is still on its way from
    // them is read, since a connection that is dropped before that may take the goodbye with it.
    let farewell = async {
        if socket.send(goodbye).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}
