//! Letters as they are on the wire: checked, then written as a message of RFC 5322 by the crate lettre.

use std::time::SystemTime;

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use url::Host;
use warbler_domain::{Letter, MailError};

use crate::MailSetupError;

/// Longest address, in bytes (RFC 5321, section 4.5.3.1.3, without the brackets).
const ADDRESS: usize = 254;
/// Longest subject, in bytes: more than any program shows.
const SUBJECT: usize = 1_000;
/// Longest text, in bytes: as long as a message can be.
const TEXT: usize = 64 << 10;
/// Longest HTML, in bytes: what programs show without being asked (Gmail cuts at 102 KiB), and some more.
const HTML: usize = 256 << 10;
/// Longest identifier, in bytes: with a domain of any length it fits into one line of 998 (RFC 5322).
const ID: usize = 128;

/// No program answers to it by itself (RFC 3834, section 5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// Whom letters come from.
#[derive(Debug, Clone)]
pub struct Sender {
    mailbox: Mailbox,
}

impl Sender {
    /// Reads `no-reply@example.com`, with or without a name before it.
    ///
    /// # Errors
    /// It is no address.
    pub fn parse(from: &str) -> Result<Self, MailSetupError> {
        let wrong = || MailSetupError::Sender { from: from.to_owned() };
        let mailbox: Mailbox = from.parse().map_err(|_| wrong())?;
        if from.contains(char::is_control) || !mailbox.email.to_string().is_ascii() {
            return Err(wrong());
        }
        Ok(Self { mailbox })
    }

    pub(crate) fn domain(&self) -> &str {
        self.mailbox.email.domain()
    }
}

/// A letter as a relay is given it.
#[derive(Clone)]
pub struct Composed {
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// Its `Message-ID`, with the brackets.
    pub message_id: String,
    /// All of it, headers first, with the line ends of the wire.
    pub bytes: Vec<u8>,
}

impl Composed {
    /// Checks a letter and writes it.
    ///
    /// # Errors
    /// `Invalid`: its address is none, its subject has more than one line, or something is too long.
    pub fn write(letter: &Letter, from: &Sender, now: SystemTime) -> Result<Self, MailError> {
        let to = address(&letter.to)?;
        line("subject", &letter.subject, SUBJECT)?;
        length("text", &letter.text, TEXT)?;
        length("html", letter.html.as_deref().unwrap_or_default(), HTML)?;
        identifier(&letter.id)?;
        let message_id = format!("<{}@{}>", letter.id, from.domain());
        let builder = Message::builder()
            .from(from.mailbox.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject.clone())
            .date(now)
            .message_id(Some(message_id.clone()))
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()));
        let message = match &letter.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(lines(&letter.text), lines(html))),
            None => builder.singlepart(SinglePart::plain(lines(&letter.text))),
        };
        let message = message.map_err(|error| invalid("letter", error.to_string()))?;
        Ok(Self { from: from.mailbox.email.clone(), to, message_id, bytes: message.formatted() })
    }
}

/// `text` with line feeds alone at the ends of its lines, which lettre makes those of the wire, and without other
/// control characters. A carriage return by itself ends a line for some servers, and so might end the letter.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), " ")
}

/// The one address that `text` is, with its domain as servers know it.
fn address(text: &str) -> Result<Address, MailError> {
    const FIELD: &str = "address";
    line(FIELD, text, ADDRESS)?;
    let wrong = || invalid(FIELD, "is not one like somebody@example.com".to_owned());
    let address: Address = text.parse().map_err(|_| wrong())?;
    if address.domain().is_ascii() {
        return Ok(address);
    }
    // Servers know names of other scripts in their ASCII form alone (RFC 5891).
    let Ok(Host::Domain(domain)) = Host::parse(address.domain()) else { return Err(wrong()) };
    Address::new(address.user(), domain).map_err(|_| wrong())
}

fn line(field: &'static str, text: &str, most: usize) -> Result<(), MailError> {
    length(field, text, most)?;
    // A line break would begin a header of the plugin's own.
    if text.contains(char::is_control) {
        return Err(invalid(field, "has a line break or another control character".to_owned()));
    }
    Ok(())
}

fn length(field: &'static str, text: &str, most: usize) -> Result<(), MailError> {
    if text.len() > most {
        return Err(invalid(field, format!("has {} bytes, where {most} are the most", text.len())));
    }
    Ok(())
}

fn identifier(id: &str) -> Result<(), MailError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = id.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(known));
    if fits && id.len() <= ID {
        return Ok(());
    }
    Err(invalid("id", format!("is not 1 to {ID} characters of A-Z, a-z, 0-9, `-`, `_`, and `.` between them")))
}

fn invalid(field: &'static str, problem: String) -> MailError {
    MailError::Invalid { field, problem }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::time::Duration;

    use super::*;

    fn letter() -> Letter {
        Letter {
            to: "li@example.com".into(),
            subject: "张三".into(),
            text: "你好，世界 🎉".into(),
            html: None,
            id: "0190-a".into(),
        }
    }

    fn written(letter: &Letter) -> Result<String, MailError> {
        let from = Sender::parse("信使 <no-reply@example.org>").unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(498_704);
        Composed::write(letter, &from, now).map(|composed| String::from_utf8(composed.bytes).unwrap())
    }

    #[test]
    fn a_letter_in_chinese_is_ascii_on_the_wire_and_says_that_no_person_wrote_it() {
        let text = written(&letter()).unwrap();
        assert!(text.is_ascii(), "{text}");
        for line in [
            "To: li@example.com\r\n",
            "Message-ID: <0190-a@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Sun, 22 Nov 2026 08:00:00 +0000\r\n",
            "Subject: =?utf-8?b?5byg5LiJ?=\r\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn no_line_of_a_letter_ends_otherwise_than_the_wire_has_it() {
        // A line feed alone ends a letter early for servers that are not strict.
        for body in ["a\n.\nb", "a\r.\rb", "a\n.\r\nb"] {
            let text = written(&Letter { text: body.into(), html: Some(body.into()), ..letter() }).unwrap();
            let bare = text.replace("\r\n", "");
            assert!(!bare.contains(['\r', '\n']), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_address_gets_no_letter() {
        for to in [
            "",
            "li",
            "li@",
            "@example.com",
            "li@example.com\r\nBcc: x@y.zz",
            "a@b.cc,d@e.ff",
            "Li <a@b.cc>",
            "li@example.com>",
            "li@exa mple.com",
            "li@example.com\0",
        ] {
            let refused = written(&Letter { to: to.into(), ..letter() }).unwrap_err();
            assert!(matches!(refused, MailError::Invalid { field: "address", .. }), "{to:?}: {refused:?}");
            assert!(!refused.to_string().contains("li@"), "{refused}");
        }
        let long = format!("li@{}.example.com", "a".repeat(60).as_str().to_owned() + &".b".repeat(100));
        assert!(written(&Letter { to: long, ..letter() }).is_err());
    }

    #[test]
    fn a_domain_of_another_script_is_written_as_servers_know_it() {
        let text = written(&Letter { to: "li@例子.中国".into(), ..letter() }).unwrap();
        assert!(text.contains("To: li@xn--fsqu00a.xn--fiqs8s\r\n"), "{text}");
    }

    #[test]
    fn a_subject_has_one_line_and_cannot_add_headers() {
        for subject in ["a\r\nBcc: x@y.zz", "a\nb", "a\0b"] {
            let refused = written(&Letter { subject: subject.into(), ..letter() }).unwrap_err();
            assert!(matches!(refused, MailError::Invalid { field: "subject", .. }), "{refused:?}");
        }
    }

    #[test]
    fn every_part_has_a_limit_which_the_refusal_names() {
        let cases = [
            (Letter { subject: "s".repeat(SUBJECT + 1), ..letter() }, "1000"),
            (Letter { text: "t".repeat(TEXT + 1), ..letter() }, "65536"),
            (Letter { html: Some("h".repeat(HTML + 1)), ..letter() }, "262144"),
            (Letter { id: "i".repeat(ID + 1), ..letter() }, "128"),
        ];
        for (letter, limit) in cases {
            let refused = written(&letter).unwrap_err().to_string();
            assert!(refused.contains(limit), "{refused}");
        }
        for id in ["", "a@b", "a b", "a>", "é", ".a", "a..b"] {
            assert!(written(&Letter { id: id.into(), ..letter() }).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        assert!(Sender::parse("no-reply@example.org").is_ok());
        for from in ["", "nobody", "A <b@c.dd>, E <f@g.hh>", "a@b.cc\r\nBcc: x@y.zz"] {
            assert!(Sender::parse(from).is_err(), "{from}");
        }
    }
}
