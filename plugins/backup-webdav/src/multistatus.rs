//! The answer to PROPFIND (RFC 4918, section 13): a list of files and folders. Only a whole document is
//! read: one that was cut off is no answer.

use percent_encoding::percent_decode_str;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// The namespace of everything that is read here.
const DAV: &[u8] = b"DAV:";

/// A file or folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its path on the server, decoded and absolute, without a slash at its end.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its length in bytes, if it is a file and the server says so.
    pub size: Option<u64>,
}

/// Where the reader is, as far as it matters.
#[derive(Default)]
struct Place {
    entry: Option<Entry>,
    /// Properties of the present `propstat`, which count only if its status is 200.
    folder: bool,
    size: Option<u64>,
    found: bool,
    text: String,
}

/// Reads the document; `None` if it is anything else, or not whole.
#[must_use]
pub fn parse(body: &[u8]) -> Option<Vec<Entry>> {
    let mut reader = NsReader::from_str(std::str::from_utf8(body).ok()?);
    let (mut entries, mut place, mut depth, mut whole) = (Vec::new(), Place::default(), 0_usize, false);
    loop {
        let (namespace, event) = reader.read_resolved_event().ok()?;
        let ours = matches!(namespace, ResolveResult::Bound(bound) if bound.0.as_bytes() == DAV);
        match event {
            Event::Start(start) => {
                let name = start.local_name();
                if depth == 0 && !(ours && name.as_ref().as_bytes() == b"multistatus") {
                    return None;
                }
                depth += 1;
                place.open(ours.then_some(name.as_ref().as_bytes()));
            }
            Event::Empty(empty) if ours => {
                let name = empty.local_name();
                place.open(Some(name.as_ref().as_bytes()));
                place.close(name.as_ref().as_bytes(), &mut entries)?;
            }
            Event::End(end) => {
                depth = depth.checked_sub(1)?;
                if ours {
                    place.close(end.local_name().as_ref().as_bytes(), &mut entries)?;
                }
                whole = whole || depth == 0;
            }
            Event::Text(text) => place.text.push_str(&text.xml10_content()),
            Event::CData(text) => place.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => place.text.push_str(&resolve(&reference)?),
            Event::Eof => return (whole && depth == 0).then_some(entries),
            _ => {}
        }
    }
}

/// `&amp;` and the like, which the reader gives apart from the text around them.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_xml_entity(reference).map(str::to_owned)
}

impl Place {
    fn open(&mut self, name: Option<&[u8]>) {
        self.text.clear();
        match name {
            Some(b"response") => self.entry = Some(Entry::default()),
            Some(b"propstat") => (self.folder, self.size, self.found) = (false, None, false),
            Some(b"collection") => self.folder = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8], entries: &mut Vec<Entry>) -> Option<()> {
        let text = self.text.trim();
        match (name, &mut self.entry) {
            (b"href", Some(entry)) if entry.path.is_empty() => entry.path = path(text)?,
            // `HTTP/1.1 200 OK`
            (b"status", _) => self.found = text.split(' ').nth(1) == Some("200"),
            (b"getcontentlength", _) => self.size = text.parse().ok(),
            (b"propstat", Some(entry)) if self.found => {
                entry.folder |= self.folder;
                entry.size = entry.size.or(self.size);
            }
            (b"response", _) => entries.push(self.entry.take().filter(|entry| !entry.path.is_empty())?),
            _ => {}
        }
        self.text.clear();
        Some(())
    }
}

/// The path of an `href`, which is an address or an absolute path: decoded, without a slash at its end.
fn path(href: &str) -> Option<String> {
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| rest.split_at(slash).1),
        None => href,
    };
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    decoded.starts_with('/').then(|| format!("/{}", decoded.trim_matches('/')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:x="urn:other"><D:response><D:href>/dav/a%20b/</D:href><D:propstat><D:prop>
<D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<D:response xmlns:l="DAV:"><l:href>http://host:1/dav/a%20b/c&amp;d</l:href><l:propstat><l:prop><l:resourcetype/>
<l:getcontentlength>12</l:getcontentlength><x:getcontentlength>99</x:getcontentlength></l:prop>
<l:status>HTTP/1.1 200 OK</l:status></l:propstat></D:response></D:multistatus>"#;

    #[test]
    fn files_and_folders_are_read_whatever_the_prefixes_are() {
        let folder = Entry { path: "/dav/a b".into(), folder: true, size: None };
        let file = Entry { path: "/dav/a b/c&d".into(), folder: false, size: Some(12) };
        assert_eq!(parse(ANSWER.as_bytes()).unwrap(), [folder, file]);
        let plain = ANSWER
            .replace("D:", "")
            .replace("xmlns:D=\"", "")
            .replace("<multistatus DAV:\"", "<multistatus xmlns=\"DAV:\"");
        assert_eq!(
            parse(plain.as_bytes()).map(|entries| entries.len()),
            parse(ANSWER.as_bytes()).map(|entries| entries.len())
        );
    }

    #[test]
    fn an_answer_that_was_cut_off_anywhere_is_no_answer() {
        for end in 0..ANSWER.len() {
            assert_eq!(parse(&ANSWER.as_bytes()[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn another_document_is_no_answer() {
        for text in ["", "<html></html>", "<multistatus/>", "<multistatus></multistatus>", "{}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(br#"<a:multistatus xmlns:a="DAV:"></a:multistatus>"#), Some(Vec::new()));
    }
}
