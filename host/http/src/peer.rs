//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

/// Who is at the other end of the connection. Whoever accepts connections adds it to each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The address, with IPv4 within IPv6 taken out of it.
    pub(crate) fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}
