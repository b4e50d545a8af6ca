//! A letter: to whom, with which subject, and what it says.

use warbler_push_kit::{Answer, address, text};
use warbler_sdk::Notification;

/// The longest subject in characters; longer ones are folded badly by old programs.
const MOST_SUBJECT: usize = 120;
/// The longest address (RFC 5321, section 4.5.3.1.3), in bytes.
const MOST_ADDRESS: usize = 254;

/// A letter.
pub(crate) struct Letter {
    /// To whom.
    pub(crate) to: String,
    /// Its subject, one line.
    pub(crate) subject: String,
    /// What it says.
    pub(crate) text: String,
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
        let one_line: String = notification.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let subject = text::fit_chars(&one_line, MOST_SUBJECT);
        Ok(Self { to, subject, text: text::body_or_title(notification).to_owned() })
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
        assert_eq!(letter.fill("{to}|{subject}|{x}"), "li@example.com|{text}  Bcc: x|{x}");
    }

    #[test]
    fn an_address_is_one_and_only_one() {
        for wrong in ["li", "li@", "@example.com", "li@example", "a@b.c,d@e.f", "Li <a@b.c>"] {
            assert!(Letter::write(&notification("email", &format!("{wrong:?}"))).is_err(), "{wrong}");
        }
    }
}
