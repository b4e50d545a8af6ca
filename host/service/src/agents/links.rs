//! Links in a reply: where they stand, and whether they come from something that the agent was given.

use std::collections::HashSet;

use warbler_domain::Finding;

/// The label and the rule of a link from nowhere.
pub(super) const LABEL: &str = "link";
pub(super) const RULE: &str = "unsourced-link";

/// What a link begins with. A name alone is no link to a reader's client.
const STARTS: [&str; 3] = ["https://", "http://", "www."];

/// The links that an agent was given, in normal form.
#[derive(Debug, Default)]
pub(super) struct Sources(HashSet<String>);

impl Sources {
    /// Adds the links of something that the agent was given.
    pub(super) fn add(&mut self, text: &str) {
        self.0.extend(links(text).map(|(start, end)| normal(text.get(start..end).unwrap_or_default())));
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
        self.0.contains(&normal(link))
    }
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
    fn another_path_of_a_known_host_is_another_link() {
        let mut sources = Sources::default();
        sources.add("https://a.example/one");
        assert_eq!(sources.missing("https://a.example/two").len(), 1);
        assert!(sources.missing("https://A.example/one").is_empty());
    }
}
