//! `cases/sink.json`: how a sink is set up for the suite, and where the author's real server is.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;

use serde::Deserialize;

/// What the file is called.
const FILE: &str = "sink.json";

/// The file. `${NAME}` in a string stands for the environment variable of that name, so that a server on a
/// free port and its passwords need not be written down.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkCase {
    /// The sink's configuration.
    pub(super) config: serde_json::Value,
    /// Its secrets.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, String>,
    /// The field of the configuration that holds the server's address. Without it no faults are injected.
    pub(super) server: Option<String>,
}

impl SinkCase {
    /// Reads the file in the folder of cases.
    pub(super) fn read(cases: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let file = cases.join(FILE);
        let text = std::fs::read_to_string(&file).map_err(|error| {
            format!(
                "a backup sink is tested with a server of yours: {} has to hold its configuration ({error})",
                file.display()
            )
        })?;
        Self::parse(&text, variable).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        fill(&mut value, &variable)?;
        let case: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        case.address()?;
        Ok(case)
    }

    /// The server's `http` address, behind which faults can be injected: the text that stands in the
    /// configuration, and where it leads.
    pub(super) fn address(&self) -> Result<Option<SocketAddr>, String> {
        let Some(field) = &self.server else { return Ok(None) };
        let address = self.config.get(field).and_then(serde_json::Value::as_str);
        let address = address.ok_or_else(|| format!("`server` names {field:?}, which is no text in `config`"))?;
        let Some(rest) = address.strip_prefix("http://") else {
            return Err(format!("{field:?} must be an http:// address: faults cannot be injected into {address:?}"));
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let authority = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
        let found =
            authority.to_socket_addrs().map_err(|error| format!("{authority:?} cannot be looked up: {error}"))?;
        found.into_iter().next().map(Some).ok_or_else(|| format!("{authority:?} has no address"))
    }

    /// The same with `proxy` in the server's place.
    pub(super) fn through(&self, proxy: SocketAddr) -> Self {
        let mut case = self.clone();
        if let Some(address) = self.server.as_ref().and_then(|field| case.config.get_mut(field)) {
            let rest = address.as_str().and_then(|text| text.strip_prefix("http://")).unwrap_or_default();
            let path = rest.find('/').map_or("", |slash| rest.split_at(slash).1);
            *address = format!("http://{proxy}{path}").into();
        }
        case
    }
}

/// Whether `authority` ends with a port, and not inside the brackets of an IPv6 address.
fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// Puts environment variables into every string of `value`.
fn fill(value: &mut serde_json::Value, variable: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    match value {
        serde_json::Value::String(text) => *text = filled(text, variable)?,
        serde_json::Value::Array(values) => values.iter_mut().try_for_each(|value| fill(value, variable))?,
        serde_json::Value::Object(fields) => fields.values_mut().try_for_each(|value| fill(value, variable))?,
        _ => {}
    }
    Ok(())
}

fn filled(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("{text:?} has a `${{` without its end"))?;
        let value = variable(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(text: &str) -> Result<SinkCase, String> {
        SinkCase::parse(text, |name| (name == "PORT").then(|| "9000".to_owned()))
    }

    #[test]
    fn the_server_is_found_and_replaced() {
        let case = parse(
            r#"{"config": {"endpoint": "http://127.0.0.1:${PORT}/dav", "a": ["${PORT}"]}, "server": "endpoint"}"#,
        )
        .unwrap();
        assert_eq!(case.address(), Ok(Some("127.0.0.1:9000".parse().unwrap())));
        let through = case.through("127.0.0.1:7".parse().unwrap());
        assert_eq!(through.config, serde_json::json!({"endpoint": "http://127.0.0.1:7/dav", "a": ["9000"]}));
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, mistake) in [
            (r#"{"config": {"a": "${NONE}"}}"#, "the environment variable NONE is not set"),
            (r#"{"config": {"a": "${NONE"}}"#, "without its end"),
            (r#"{"config": {}, "server": "endpoint"}"#, "`server` names \"endpoint\""),
            (r#"{"config": {"e": "https://a"}, "server": "e"}"#, "must be an http:// address"),
            (r#"{"config": {}, "sever": "e"}"#, "unknown field `sever`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(mistake), "{error}");
        }
    }
}
