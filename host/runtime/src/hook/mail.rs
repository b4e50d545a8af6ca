//! `mail`: letters by the relays that the operator named. How they are written and carried is behind the port.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use warbler_domain::{MailError, MailRelay, Posted};
use wasmtime::format_err;

use super::bindings::warbler::plugin::mail::{self as wit, Host};
use crate::state::GuestState;

/// Most letters of one call: as many as a push provider has notifications in a batch.
const LETTERS: usize = 100;
/// How many of them are under way at a time, if the relay has so many connections.
const AT_A_TIME: usize = 16;
/// Of the time that a call has left, one part in so many is kept for the guest to say what came of it, and this
/// much at most.
const KEPT_PART: u32 = 10;
const KEPT_MOST: Duration = Duration::from_secs(1);
/// When to come again after a letter that was not taken in time.
const AGAIN: Duration = Duration::from_secs(10);
/// Stands for every relay in a grant.
const ALL: &str = "*";

impl GuestState {
    /// The relay, if it was granted and the operator named it for this tenant.
    fn relay(&mut self, name: &str) -> Result<Arc<dyn MailRelay>, wit::Error> {
        self.waits();
        let grants = &self.lent.grants.mail;
        if !grants.contains(ALL) && !grants.contains(name) {
            return Err(wit::Error::NoRelay(format!("the mail relay {name:?} was not granted")));
        }
        let relay = self.lent.mail.open(self.lent.tenant, name);
        relay.ok_or_else(|| wit::Error::NoRelay(format!("the operator named no mail relay {name:?} for this tenant")))
    }

    /// Until when a letter may take, so that the guest still has the time to answer.
    fn letters_end(&self) -> Instant {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.deadline.checked_sub((left / KEPT_PART).min(KEPT_MOST)).unwrap_or(self.deadline)
    }
}

impl Host for GuestState {
    async fn send(&mut self, relay: String, letter: wit::Letter) -> wasmtime::Result<Result<wit::Posted, wit::Error>> {
        let until = self.letters_end();
        Ok(match self.relay(&relay) {
            Ok(relay) => hand_over(&*relay, letter, until).await,
            Err(error) => Err(error),
        })
    }

    async fn send_all(
        &mut self,
        relay: String,
        letters: Vec<wit::Letter>,
    ) -> wasmtime::Result<Vec<Result<wit::Posted, wit::Error>>> {
        if letters.len() > LETTERS {
            return Err(format_err!("send-all takes at most {LETTERS} letters, not {}", letters.len()));
        }
        let until = self.letters_end();
        let relay = match self.relay(&relay) {
            Ok(relay) => relay,
            Err(error) => return Ok(letters.iter().map(|_| Err(error.clone())).collect()),
        };
        let handed = letters.into_iter().map(|letter| {
            let relay = &*relay;
            async move { hand_over(relay, letter, until).await }
        });
        Ok(stream::iter(handed).buffered(AT_A_TIME).collect().await)
    }
}

async fn hand_over(relay: &dyn MailRelay, letter: wit::Letter, until: Instant) -> Result<wit::Posted, wit::Error> {
    let wit::Letter { to, subject, text, html, id } = letter;
    let letter = warbler_domain::Letter { to, subject, text, html, id };
    match timeout_at(until, relay.send(letter)).await {
        Ok(Ok(Posted { message_id, answer })) => Ok(wit::Posted { message_id, answer }),
        Ok(Err(error)) => Err(told(error)),
        Err(_) => Err(wit::Error::Unavailable(milliseconds(AGAIN))),
    }
}

fn told(error: MailError) -> wit::Error {
    match error {
        MailError::UnknownMailbox { answer } => wit::Error::UnknownMailbox(answer),
        MailError::Refused { answer } => wit::Error::Refused(answer),
        MailError::Unavailable { after, .. } => wit::Error::Unavailable(milliseconds(after)),
        MailError::Misconfigured { why } => wit::Error::Misconfigured(why),
        error => wit::Error::Invalid(error.to_string()),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
