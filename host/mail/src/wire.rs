//! The stream below a conversation with a relay. One that was encrypted midway begins with the greeting that
//! was read before, because lettre waits for one, and is asked to greet again anyway (RFC 3207, section 4.2).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream, and what is to be read before it.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    before: Vec<u8>,
    stream: S,
    peer: SocketAddr,
}

impl<S> Wire<S> {
    pub(crate) const fn new(stream: S, peer: SocketAddr) -> Self {
        Self { before: Vec::new(), stream, peer }
    }

    pub(crate) const fn after(before: Vec<u8>, stream: S, peer: SocketAddr) -> Self {
        Self { before, stream, peer }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.before.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let rest = this.before.split_off(this.before.len().min(buffer.remaining()));
        buffer.put_slice(&this.before);
        this.before = rest;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream for Wire<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
