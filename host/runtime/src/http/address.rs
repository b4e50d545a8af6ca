//! Which addresses a plugin may reach: public ones, and the exceptions that the host names.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use warbler_domain::is_public;

/// Whether a plugin may connect to `address`.
pub(crate) fn is_allowed(address: SocketAddr, exceptions: &BTreeSet<SocketAddr>) -> bool {
    is_public(address.ip()) || exceptions.contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_for_one_port_of_one_address() {
        let exceptions = BTreeSet::from(["127.0.0.1:8080".parse().unwrap()]);
        assert!(is_allowed("127.0.0.1:8080".parse().unwrap(), &exceptions));
        assert!(!is_allowed("127.0.0.1:8081".parse().unwrap(), &exceptions));
        assert!(!is_allowed("127.0.0.2:8080".parse().unwrap(), &exceptions));
    }
}
