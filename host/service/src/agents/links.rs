//! Links in a reply: where they stand, and whether they come from something that the agent was given.

use std::collections::HashSet;

use serde_json::Value;
use warbler_domain::{Finding, Message};

/// The label and the rule of a link from nowhere.
pub(super) const LABEL: &str = "link";
pub(super) const RULE: &str = "unsourced-link";

/// What a link begins with. A name alone is no link to a reader's client.
const STARTS: [&str; 3] = ["https://", "http://", "www."];

/// The links that an agent was given, in normal form.
#[derive(Debug, Default)]
pub(super) struct Sources {
    given: HashSet<String>,
    /// Where links may lead that nobody gave: beginnings of them.
    allowed: Vec<String>,
}

impl Sources {
    /// No source yet; links to the `allowed` hosts, and below the allowed addresses, need none.
    pub(super) fn new(allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|link| normal(link.trim())).filter(|link| !link.is_empty()).collect();
        Self { given: HashSet::new(), allowed }
    }

    /// Adds the links of something that the agent was given.
    pub(super) fn add(&mut self, text: &str) {
        self.given.extend(links(text).map(|(start, end)| normal(text.get(start..end).unwrap_or_default())));
    }

    /// Adds the links of a JSON document's strings, such as an installation's configuration.
    pub(super) fn add_json(&mut self, json: &str) {
        match serde_json::from_str::<Value>(json) {
            Ok(value) => self.add_value(&value),
            Err(_) => self.add(json),
        }
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(values) => values.iter().for_each(|value| self.add_value(value)),
            Value::Object(fields) => fields.values().for_each(|value| self.add_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The links of `reply` that come from no source.
    pub(super) fn missing(&self, reply: &str) -> Vec<Finding> {
        let missing = links(reply).filter(|(start, end)| !self.has(reply.get(*start..*end).unwrap_or_default()));
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let finding = |(start, end)| Finding {
            label: LABEL.to_owned(),
            rule: RULE.to_owned(),
            start: offset(start),
            end: offset(end),
            score: 1.0,
        };
        missing.map(finding).collect()
    }

    fn has(&self, link: &str) -> bool {
        let link = normal(link);
        let is_below = |start: &String| {
            link.strip_prefix(start.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        };
        self.given.contains(&link) || self.allowed.iter().any(is_below)
    }
}

/// Whether a message that an agent wrote was flagged for a link from nowhere. Any other one is a source of what it
/// says next: what it was given once is not made up when it says it again.
pub(super) fn is_flagged(message: &Message) -> bool {
    message.receipts.iter().any(|receipt| receipt.findings.iter().any(|finding| finding.rule == RULE))
}

/// The places of links in `text`, in order.
fn links(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let lower = rest.to_ascii_lowercase();
            let start = STARTS.iter().filter_map(|start| lower.find(start)).min()?;
            let link = rest.get(start..)?;
            let length = link.find(|c: char| !is_of_link(c)).unwrap_or(link.len());
            // Signs at the end belong to the sentence.
            let length =
                link.get(..length)?.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'', '*', '_']).len();
            let (begin, end) = (at + start, at + start + length);
            at = end.max(begin + 1);
            while !text.is_char_boundary(at) {
                at += 1;
            }
            if length > STARTS.iter().map(|start| start.len()).max().unwrap_or_default() {
                return Some((begin, end));
            }
        }
    })
}

/// RFC 3986 without brackets and quotes, which surround links more often than they are in them; others than
/// ASCII only where they are letters, so that Chinese signs end a link.
fn is_of_link(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c) } else { false }
}

/// A link without what makes no difference: its scheme, the case of its host, `www.` and a slash at the end.
fn normal(link: &str) -> String {
    let lower = link.to_ascii_lowercase();
    let skip = ["https://", "http://"].iter().find(|scheme| lower.starts_with(**scheme)).map_or(0, |s| s.len());
    let rest = link.get(skip..).unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    format!("{host}{}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        links(text).map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn links_are_found_without_the_signs_around_them() {
        assert_eq!(
            found("see https://a.example/b?c=1, or (www.b.example)."),
            ["https://a.example/b?c=1", "www.b.example"]
        );
        assert_eq!(found("请看https://a.example/x。谢谢"), ["https://a.example/x"]);
        assert_eq!(found("[docs](HTTP://A.example/y) and http:// alone"), ["HTTP://A.example/y"]);
        assert!(found("no links: a.example, mailto:x@y").is_empty());
    }

    #[test]
    fn only_links_from_no_source_are_reported_with_their_places() {
        let mut sources = Sources::default();
        sources.add("The manual is at http://www.Manual.example/start/");
        let reply = "Read https://manual.example/start, not https://evil.example/login.";
        let missing = sources.missing(reply);
        assert_eq!(missing.len(), 1);
        assert_eq!(&reply[missing[0].start as usize..missing[0].end as usize], "https://evil.example/login");
    }

    #[test]
    fn links_in_a_configuration_are_sources_wherever_they_stand_in_it() {
        let mut sources = Sources::default();
        sources.add_json(
            r#"{"persona":"Refer to \"https:\/\/a.example\/help\".\nBe brief.","entries":[{"answer":{"zh":"见https://b.example/zh。"}}]}"#,
        );
        assert!(sources.missing("https://a.example/help and https://b.example/zh").is_empty());
        assert_eq!(sources.missing("https://a.example/").len(), 1);
        sources.add_json("not JSON: https://c.example");
        assert!(sources.missing("https://c.example").is_empty());
    }

    #[test]
    fn below_an_allowed_address_every_link_is_known_and_beside_it_none() {
        let allowed = ["docs.example.com", "https://shop.example/help/", " "].map(str::to_owned);
        let sources = Sources::new(&allowed);
        for link in ["https://docs.example.com", "http://DOCS.example.com/a?b", "https://shop.example/help#top"] {
            assert!(sources.missing(link).is_empty(), "{link}");
        }
        for link in [
            "https://docs.example.com.evil.example/",
            "https://docs.example.com@evil.example/",
            "https://shop.example/helpless",
            "https://shop.example/",
        ] {
            assert_eq!(sources.missing(link).len(), 1, "{link}");
        }
    }

    #[test]
    fn another_path_of_a_known_host_is_another_link() {
        let mut sources = Sources::default();
        sources.add("https://a.example/one");
        assert_eq!(sources.missing("https://a.example/two").len(), 1);
        assert!(sources.missing("https://A.example/one").is_empty());
    }
}
