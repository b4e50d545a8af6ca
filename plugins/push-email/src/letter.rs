//! A letter: to whom, with which subject, and what it says.

use warbler_push_kit::{Answer, address, encode, text};
use warbler_sdk::{Notification, mail};

/// The longest subject in characters; longer ones are folded badly by old programs.
const MOST_SUBJECT: usize = 120;
/// The longest address (RFC 5321, section 4.5.3.1.3), in bytes.
const MOST_ADDRESS: usize = 254;

/// The longest identifier that a host's relays take, in bytes.
const MOST_ID: usize = 128;

/// A letter.
pub(crate) struct Letter {
    /// To whom.
    pub(crate) to: String,
    /// Its subject, one line.
    pub(crate) subject: String,
    /// What it says.
    pub(crate) text: String,
    /// The part of its `Message-ID` before the `@`.
    pub(crate) id: String,
}

impl Letter {
    /// The letter for a notification.
    ///
    /// # Errors
    /// Rejected: the address is none.
    pub(crate) fn write(notification: &Notification) -> Result<Self, Answer> {
        let to = address::token(&notification.endpoint.address, &["address", "email"])?;
        let parts = to.rsplit_once('@');
        let looks_right = parts.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
        if !looks_right || to.len() > MOST_ADDRESS || to.contains([' ', ',', ';', '<', '>', '"']) {
            return Err(address::wrong("one mail address, such as somebody@example.com"));
        }
        let one_line = subject(notification).replace(char::is_control, " ");
        let subject = text::fit_chars(&one_line, MOST_SUBJECT);
        let id = identifier(&notification.id);
        Ok(Self { to, subject, text: text::body_or_title(notification).to_owned(), id })
    }

    /// The letter as the host's mail relays take it.
    pub(crate) fn posted(self) -> mail::Letter {
        let Self { to, subject, text, id } = self;
        mail::Letter { to, subject, text, html: None, id }
    }

    /// `template` with `{to}`, `{subject}` and `{text}` filled in. What is filled in is not looked at again.
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            let (before, after) = rest.split_at(start);
            filled.push_str(before);
            let fields = [("{to}", &self.to), ("{subject}", &self.subject), ("{text}", &self.text)];
            let known = fields.iter().find_map(|(name, value)| Some((value, after.strip_prefix(name)?)));
            let (value, after) =
                known.map_or(("{", after.get(1..).unwrap_or_default()), |(value, after)| (value, after));
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// What a message's letter is called, in the reader's language. The titles of others say all by themselves, and so
/// do those of messages whose contents are kept out.
fn subject(notification: &Notification) -> String {
    let title = &notification.title;
    if notification.secret || notification.conversation.is_empty() || notification.body.is_empty() {
        return title.clone();
    }
    let locale = notification.endpoint.locale.to_ascii_lowercase();
    let traditional = ["zh-tw", "zh-hk", "zh-mo", "zh-hant"].iter().any(|tag| locale.starts_with(tag));
    match locale.split(['-', '_']).next() {
        Some("zh") if traditional => format!("來自 {title} 的新訊息"),
        Some("zh") => format!("来自 {title} 的新消息"),
        _ => format!("New message from {title}"),
    }
}

/// The notification's identifier as letters may have it. The same notification always has the same, so that mail
/// programs and archives show a letter once that had to be sent twice.
fn identifier(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !id.is_empty() && id.len() <= MOST_ID && id.bytes().all(is_plain) {
        return id.to_owned();
    }
    encode::hex(text::shorten(id, MOST_ID / 2).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::testing::notification;

    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let mut told = notification("email", r#"{"address": "li@example.com"}"#);
        told.title = "{text}\r\nBcc: x".to_owned();
        let letter = Letter::write(&told).unwrap();
        assert_eq!(letter.fill("{to}|{subject}|{x}"), "li@example.com|来自 {text}  Bcc: x 的新消息|{x}");
    }

    #[test]
    fn a_subject_is_in_the_readers_language_and_a_codes_is_its_title() {
        let mut told = notification("email", "\"li@example.com\"");
        let mut subject = |locale: &str, secret: bool| {
            (told.endpoint.locale, told.secret) = (locale.to_owned(), secret);
            Letter::write(&told).unwrap().subject
        };
        assert_eq!(subject("zh-CN", false), "来自 张三 的新消息");
        assert_eq!(subject("zh-Hant-HK", false), "來自 张三 的新訊息");
        assert_eq!(subject("fr", false), "New message from 张三");
        assert_eq!(subject("zh-CN", true), "张三");
    }

    #[test]
    fn the_identifier_of_a_letter_is_that_of_its_notification_in_letters_that_a_message_id_may_have() {
        assert_eq!(identifier("01890a5d-ac96-774b"), "01890a5d-ac96-774b");
        assert_eq!(identifier("a@b"), "614062");
        assert!(identifier(&"é".repeat(300)).len() <= MOST_ID);
    }

    #[test]
    fn an_address_is_one_and_only_one() {
        for wrong in ["li", "li@", "@example.com", "li@example", "a@b.c,d@e.f", "Li <a@b.c>"] {
            assert!(Letter::write(&notification("email", &format!("{wrong:?}"))).is_err(), "{wrong}");
        }
    }
}
