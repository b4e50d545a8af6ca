//! What a relay's replies mean, by the stage at which they come (RFC 5321, section 4.2; the enhanced codes are
//! those of RFC 3463).

use std::error::Error as _;
use std::time::Duration;

use lettre::transport::smtp::Error;
use warbler_domain::MailError;

/// How long to leave a relay alone that is away, and one that said "later". Greylisting asks for minutes, and the
/// host's own pauses grow beyond this.
const AWAY: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_mins(1);

/// The longest part of a relay's words that is handed on, in bytes.
const WORDS: usize = 300;

/// The address is none at its server: other (1.0), no such mailbox (1.1), no such system (1.2), bad syntax (1.3),
/// moved without a new address (1.6), a domain that takes no mail (1.10), disabled for good (2.1).
const UNKNOWN: [&str; 7] = ["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];

/// Replies that say so where they have no enhanced code.
const UNKNOWN_PLAIN: [u16; 3] = [550, 551, 553];

/// Words in such a reply that speak of the host and not of the address. An address is not forgotten for them.
const POLICY: [&str; 6] = ["relay", "denied", "policy", "blocked", "spam", "authentic"];

/// The service closes the connection.
pub(crate) const CLOSING: u16 = 421;

/// At which point of a conversation a reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Greeting one another.
    Hello,
    /// Signing in.
    SignIn,
    /// Saying whom the letter is from.
    Sender,
    /// Saying whom it is for.
    Recipient,
    /// Handing it over.
    Content,
}

/// What it means that the relay answered `error` at `stage`.
pub(crate) fn meaning(stage: Stage, error: &Error) -> MailError {
    let Some(code) = status(error) else { return without_reply(stage, error) };
    let words = words(error);
    if code < 500 && stage == Stage::SignIn {
        return later(format!("it cannot check the password now ({code})"));
    }
    if code < 500 {
        return later(format!("{code} {words}"));
    }
    by_code(stage, code, &words)
}

/// What a refusal for good means.
pub(crate) fn by_code(stage: Stage, code: u16, words: &str) -> MailError {
    let answer = format!("{code} {words}");
    match stage {
        // Words about a sign-in may repeat a part of it.
        Stage::SignIn => misconfigured(format!("it refuses the user name or the password ({code})")),
        Stage::Hello | Stage::Sender => misconfigured(answer),
        Stage::Recipient | Stage::Content if is_unknown(stage, code, words) => MailError::UnknownMailbox { answer },
        Stage::Recipient | Stage::Content => MailError::Refused { answer },
    }
}

/// No reply, or one that makes no sense.
fn without_reply(stage: Stage, error: &Error) -> MailError {
    if error.is_client() && stage == Stage::SignIn {
        return misconfigured("it offers no way to sign in that the host knows".to_owned());
    }
    if error.is_client() {
        return misconfigured(words(error));
    }
    away(if error.is_response() { "its reply makes no sense" } else { "the connection broke" })
}

fn is_unknown(stage: Stage, code: u16, words: &str) -> bool {
    match words.split_whitespace().next().filter(|word| is_enhanced(word)) {
        Some(enhanced) => UNKNOWN.contains(&enhanced),
        // After the text it is the text that a reply without a reason refuses.
        None if stage == Stage::Content => false,
        None => {
            let words = words.to_lowercase();
            UNKNOWN_PLAIN.contains(&code) && !POLICY.iter().any(|word| words.contains(word))
        }
    }
}

fn is_enhanced(word: &str) -> bool {
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    word.split('.').count() == 3 && word.split('.').all(number)
}

/// The reply's code.
pub(crate) fn status(error: &Error) -> Option<u16> {
    error.status().map(u16::from)
}

fn words(error: &Error) -> String {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    tidy(&said)
}

/// A relay's words on one line, not too long.
pub(crate) fn tidy(said: &str) -> String {
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.get(..line.floor_char_boundary(WORDS)).unwrap_or_default().trim().to_owned()
}

/// `error` without the address that the relay repeats: its words go to plugins, admins and logs.
pub(crate) fn without(address: &str, error: MailError) -> MailError {
    let hide = |words: String| words.replace(address, "…");
    match error {
        MailError::UnknownMailbox { answer } => MailError::UnknownMailbox { answer: hide(answer) },
        MailError::Refused { answer } => MailError::Refused { answer: hide(answer) },
        MailError::Unavailable { after, why } => MailError::Unavailable { after, why: hide(why) },
        MailError::Misconfigured { why } => MailError::Misconfigured { why: hide(why) },
        other => other,
    }
}

/// The relay is not there.
pub(crate) fn away(why: &str) -> MailError {
    MailError::Unavailable { after: AWAY, why: why.to_owned() }
}

/// The relay asks to come again.
pub(crate) fn later(why: String) -> MailError {
    MailError::Unavailable { after: LATER, why }
}

/// The operator has to act.
pub(crate) fn misconfigured(why: String) -> MailError {
    MailError::Misconfigured { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_gone(stage: Stage, code: u16, words: &str) -> bool {
        matches!(by_code(stage, code, words), MailError::UnknownMailbox { .. })
    }

    #[test]
    fn an_address_is_unknown_where_the_reply_is_about_it() {
        for (code, words) in [
            (550, "5.1.1 <li@example.com>: Recipient address rejected: User unknown in virtual mailbox table"),
            (550, "No such user here"),
            (553, "sorry, that domain isn't in my list"),
            (550, "5.2.1 The email account that you tried to reach is disabled"),
            (556, "5.1.10 Recipient address has null MX"),
        ] {
            assert!(is_gone(Stage::Recipient, code, words), "{code} {words}");
        }
        assert!(is_gone(Stage::Content, 550, "5.1.1 User unknown"));
    }

    #[test]
    fn an_address_is_not_forgotten_because_the_host_is_refused() {
        for (code, words) in [
            (554, "5.7.1 <li@example.com>: Relay access denied"),
            (550, "relay not permitted"),
            (550, "5.7.1 Message rejected as spam"),
            (552, "5.2.2 Mailbox full"),
            (550, "5.7.26 Unauthenticated email from example.org is not accepted"),
            (554, "No such user"),
        ] {
            assert!(!is_gone(Stage::Recipient, code, words), "{code} {words}");
        }
        assert!(!is_gone(Stage::Content, 550, "no"));
    }

    #[test]
    fn a_refused_sender_or_sign_in_is_the_operators_business_and_repeats_nothing_secret() {
        assert!(matches!(by_code(Stage::Sender, 550, "5.7.60 not allowed"), MailError::Misconfigured { .. }));
        let refused = by_code(Stage::SignIn, 535, "5.7.8 AHVzZXIAcGFzcw== is wrong").to_string();
        assert!(refused.contains("535") && !refused.contains("AHVzZXIAcGFzcw"), "{refused}");
    }
}
