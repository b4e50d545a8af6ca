//! What is kept of a tool server, and what an admin sees of it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{StateKey, ToolServer, ToolTransport};
use zeroize::Zeroizing;

use crate::ServiceError;
use crate::agents::record::within;
use crate::options::AgentOptions;

/// The family of the records' keys.
pub(super) const FAMILY: &str = "tool-server";

/// Longest name of a server: with a tool's name it must fit into the 64 characters that models take.
const NAME: usize = 24;

/// Longest URL and token, in bytes.
const URL: usize = 2_048;
const TOKEN: usize = 4_096;

/// The longest answer of a tool: a model reads no more.
const ANSWER: usize = 256 * 1024;

pub(in crate::agents) fn server_key(name: &str) -> StateKey {
    StateKey::new(FAMILY, &[&name])
}

/// A tool server to be set up.
#[derive(Clone)]
pub struct NewToolServer {
    /// How it is reached.
    pub transport: ToolTransport,
    /// Sent as a bearer token, over HTTP; the one that is kept stays if absent.
    pub token: Option<Zeroizing<String>>,
    /// The longest time of one call, in milliseconds: 100 to 300,000.
    pub timeout_ms: u64,
}

impl std::fmt::Debug for NewToolServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToolServer").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// A tool server as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolServerView {
    /// Its name.
    pub name: String,
    /// `stdio` or `http`.
    pub transport: &'static str,
    /// The program, or the URL.
    pub place: String,
    /// Whether there is a token. It is never shown.
    pub has_token: bool,
    /// Whether it came back from a backup without its token or environment, and waits to be set up again.
    pub lacks_secret: bool,
    /// The longest time of one call, in milliseconds.
    pub timeout_ms: u64,
}

/// A tool server as it is kept, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::agents) struct ServerRecord {
    pub(in crate::agents) transport: ToolTransport,
    pub(in crate::agents) token: Option<String>,
    pub(in crate::agents) timeout_ms: u64,
    /// It came back from a backup, without the token or the environment that it had; it is not used until it is set
    /// up again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::agents) lacks_secret: bool,
}

/// Refuses a name that cannot stand before a tool's.
pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(ServiceError::invalid("name", "must have 1 to 24 of a-z, 0-9 and -"))
}

impl NewToolServer {
    pub(super) fn into_record(self, kept: Option<ServerRecord>) -> ServerRecord {
        // A token is for the place that it was given for.
        let inherited = kept.filter(|kept| kept.place() == place(&self.transport)).and_then(|kept| kept.token);
        let token = self.token.map(|token| token.as_str().to_owned()).or(inherited);
        ServerRecord { transport: self.transport, token, timeout_ms: self.timeout_ms, lacks_secret: false }
    }
}

fn place(transport: &ToolTransport) -> &str {
    match transport {
        ToolTransport::Stdio { command, .. } => command,
        ToolTransport::Http { url } => url,
    }
}

impl ServerRecord {
    fn place(&self) -> &str {
        place(&self.transport)
    }

    /// Refuses what an operator has not allowed: programs, and private places on the network.
    pub(in crate::agents) fn allowed(&self, options: &AgentOptions) -> Result<(), ServiceError> {
        within("timeout_ms", self.timeout_ms, 100, 300_000)?;
        if self.token.as_ref().is_some_and(|token| token.is_empty() || token.len() > TOKEN) {
            return Err(ServiceError::length("token", TOKEN));
        }
        match &self.transport {
            ToolTransport::Stdio { command, .. } => {
                if options.tool_programs.iter().any(|program| program == command) {
                    return Ok(());
                }
                Err(ServiceError::invalid("transport.command", "is not among the programs that the operator allows"))
            }
            ToolTransport::Http { url } if url.len() > URL => Err(ServiceError::length("transport.url", URL)),
            ToolTransport::Http { url } => {
                let (host, port) = host_and_port(url).ok_or_else(|| {
                    ServiceError::invalid("transport.url", "must be an http or https URL without a user in it")
                })?;
                if is_private(&host) && !options.tool_hosts.iter().any(|allowed| *allowed == format!("{host}:{port}")) {
                    return Err(ServiceError::invalid(
                        "transport.url",
                        "is a private place that the operator does not allow",
                    ));
                }
                Ok(())
            }
        }
    }

    pub(super) fn server(&self) -> ToolServer {
        ToolServer {
            transport: self.transport.clone(),
            token: self.token.clone().map(Zeroizing::new),
            timeout: Duration::from_millis(self.timeout_ms),
            max_answer: ANSWER,
        }
    }

    pub(super) fn view(&self, name: &str) -> ToolServerView {
        ToolServerView {
            name: name.to_owned(),
            transport: match self.transport {
                ToolTransport::Stdio { .. } => "stdio",
                ToolTransport::Http { .. } => "http",
            },
            place: self.place().to_owned(),
            has_token: self.token.is_some(),
            lacks_secret: self.lacks_secret,
            timeout_ms: self.timeout_ms,
        }
    }
}

/// The host, in lower case, and the port of an http or https URL.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (rest, port) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.is_empty() || authority.contains('@') || authority.chars().any(char::is_whitespace) {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, number)) if !number.ends_with(']') => (host, number.parse().ok()?),
        _ => (authority, port),
    };
    Some((host.trim_matches(['[', ']']).to_ascii_lowercase(), port))
}

/// Whether a host names this machine or a private network by itself. A name that resolves to one is the
/// connection's affair.
fn is_private(host: &str) -> bool {
    let is_local_name = host == "localhost"
        || host.ends_with(".localhost")
        || host.ends_with(".internal")
        || !host.contains(['.', ':']);
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(v4)) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.octets().starts_with(&[100])
        }
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
        Err(_) => is_local_name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn http(url: &str) -> ServerRecord {
        let transport = ToolTransport::Http { url: url.into() };
        ServerRecord { transport, token: None, timeout_ms: 1_000, lacks_secret: false }
    }

    #[test]
    fn private_places_need_the_operators_leave() {
        let mut options = AgentOptions::default();
        http("https://tools.example.com/mcp").allowed(&options).unwrap();
        for url in [
            "http://127.0.0.1:9/mcp",
            "http://localhost/x",
            "http://[::1]:8/",
            "http://10.0.0.1/",
            "http://169.254.1.1",
            "http://intranet/",
        ] {
            assert!(http(url).allowed(&options).is_err(), "{url}");
        }
        options.tool_hosts.push("127.0.0.1:9".to_owned());
        http("http://127.0.0.1:9/mcp").allowed(&options).unwrap();
        assert!(http("http://127.0.0.1:10/mcp").allowed(&options).is_err());
        for url in ["ftp://a.example", "https://user:pass@a.example/", "https:///x", "tools.example.com"] {
            assert!(http(url).allowed(&options).is_err(), "{url}");
        }
    }

    #[test]
    fn only_programs_that_the_operator_names_are_started() {
        let stdio = |command: &str| ServerRecord {
            transport: ToolTransport::Stdio {
                command: command.into(),
                arguments: Vec::new(),
                environment: std::collections::BTreeMap::default(),
            },
            token: None,
            timeout_ms: 1_000,
            lacks_secret: false,
        };
        let options = AgentOptions { tool_programs: vec!["/usr/bin/tool".into()], ..AgentOptions::default() };
        stdio("/usr/bin/tool").allowed(&options).unwrap();
        assert!(stdio("/bin/sh").allowed(&options).is_err());
    }

    #[test]
    fn a_token_does_not_follow_to_another_place() {
        let kept = ServerRecord { token: Some("secret".into()), ..http("https://a.example/") };
        let new = |url: &str| NewToolServer {
            transport: ToolTransport::Http { url: url.into() },
            token: None,
            timeout_ms: 1_000,
        };
        assert_eq!(new("https://a.example/").into_record(Some(kept.clone())).token.as_deref(), Some("secret"));
        assert_eq!(new("https://b.example/").into_record(Some(kept)).token, None);
    }
}
