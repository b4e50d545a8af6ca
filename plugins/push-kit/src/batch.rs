//! The way of a batch: who is still to be told, all requests at once, and once more with new access
//! for those whose access had run out.

use std::collections::HashMap;

use warbler_sdk::http::{self, Error, Request, Response};
use warbler_sdk::{Failure, Notification, Outcome, Timestamp, log, system};

use crate::Answer;

/// How long a whole batch may take, in milliseconds. The host gives ten seconds.
const BATCH_MS: u64 = 8_500;
/// How many requests the host has under way at a time.
const AT_A_TIME: usize = 32;
/// A round with less time than this, in milliseconds, is not begun.
const LEAST_MS: u64 = 300;

/// A provider of notifications.
pub trait Vendor {
    /// What requests need to be let in: a token, a key; `()` where the host puts it in.
    type Access;

    /// Gets access. `renew` says that what was given last was refused.
    ///
    /// # Errors
    /// Nothing of the batch can be sent.
    fn access(&self, renew: bool) -> Result<Self::Access, Failure>;

    /// The request that hands `notification` over.
    ///
    /// # Errors
    /// What is to be said of the notification at once, because it cannot be sent.
    fn request(&self, access: &Self::Access, notification: &Notification) -> Result<Request, Answer>;

    /// What the provider's response means.
    fn answer(&self, response: &Response) -> Answer;
}

/// Hands a batch to `vendor`, and gives one outcome for each notification, in order. What has expired is
/// not sent, and what stands in the batch twice is sent once.
///
/// # Errors
/// Access could not be had, or every notification was refused for want of it.
pub fn deliver<V: Vendor>(vendor: &V, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let began = system::now();
    let mut answers: Vec<Option<Answer>> = batch.iter().map(|notification| at_once(notification, began)).collect();
    let first = firsts(batch);
    let open = answers.iter().enumerate().filter(|(index, answer)| answer.is_none() && !first.contains_key(index));
    let open: Vec<usize> = open.map(|(index, _)| index).collect();
    if !open.is_empty() {
        let access = vendor.access(false)?;
        round(vendor, &access, batch, &open, began, &mut answers);
        let refused: Vec<usize> = expired(&open, &answers);
        if !refused.is_empty() {
            let access = vendor.access(true)?;
            round(vendor, &access, batch, &refused, began, &mut answers);
        }
        refused_altogether(&open, &answers)?;
    }
    for (again, original) in &first {
        let copy = answers.get(*original).cloned().flatten();
        if let Some(answer) = answers.get_mut(*again) {
            *answer = copy;
        }
    }
    Ok(answers.into_iter().map(|answer| answer.unwrap_or(Answer::Retry(None)).outcome()).collect())
}

/// What is to be said of a notification that need not be sent.
pub(crate) fn at_once(notification: &Notification, now: Timestamp) -> Option<Answer> {
    (notification.expires_at <= now).then(|| Answer::Rejected("it expired before it was sent".to_owned()))
}

/// For notifications that stand in the batch a second time: where they stand first.
pub(crate) fn firsts(batch: &[Notification]) -> HashMap<usize, usize> {
    let mut seen = HashMap::new();
    let mut again = HashMap::new();
    for (index, notification) in batch.iter().enumerate() {
        let first = *seen.entry((notification.id.as_str(), notification.endpoint.id.as_str())).or_insert(index);
        if first != index {
            again.insert(index, first);
        }
    }
    again
}

fn expired(open: &[usize], answers: &[Option<Answer>]) -> Vec<usize> {
    let is_expired = |index: &usize| matches!(answers.get(*index), Some(Some(Answer::AuthExpired(_))));
    open.iter().copied().filter(is_expired).collect()
}

/// Builds the requests of the notifications at `open`, sends them together, and notes the answers.
fn round<V: Vendor>(
    vendor: &V,
    access: &V::Access,
    batch: &[Notification],
    open: &[usize],
    began: Timestamp,
    answers: &mut [Option<Answer>],
) {
    let mut sent = Vec::with_capacity(open.len());
    let mut requests = Vec::with_capacity(open.len());
    let mut note = |index: usize, answer: Answer| {
        if let Some(place) = answers.get_mut(index) {
            *place = Some(answer);
        }
    };
    for index in open {
        match batch.get(*index).map(|notification| vendor.request(access, notification)) {
            Some(Ok(request)) => {
                sent.push(*index);
                requests.push(request);
            }
            Some(Err(answer)) => note(*index, answer),
            None => {}
        }
    }
    for (index, response) in sent.into_iter().zip(send(requests, began)) {
        let answer = match response {
            Ok(response) => vendor.answer(&response),
            Err(error) => Answer::without_response(&error),
        };
        note(index, answer);
    }
}

/// Sends `requests` together, and gives their responses in order.
fn send(mut requests: Vec<Request>, began: Timestamp) -> Vec<Result<Response, Error>> {
    // The host has so many under way at a time, and the last of them have to be done in time as well.
    let turns = u64::try_from(requests.len().div_ceil(AT_A_TIME)).unwrap_or(u64::MAX).max(1);
    let each = time_left(began) / turns;
    if each < LEAST_MS {
        return requests.iter().map(|_| Err(Error::Timeout)).collect();
    }
    for request in &mut requests {
        request.timeout_ms = request.timeout_ms.min(u32::try_from(each).unwrap_or(u32::MAX));
    }
    match requests.as_slice() {
        [one] => vec![http::fetch(one)],
        several => http::fetch_all(several),
    }
}

fn time_left(began: Timestamp) -> u64 {
    BATCH_MS.saturating_sub(system::now().saturating_sub(began))
}

/// Where every notification that was sent was refused for want of access, a person has to act.
fn refused_altogether(open: &[usize], answers: &[Option<Answer>]) -> Result<(), Failure> {
    let refused = expired(open, answers);
    let words = refused.first().and_then(|index| match answers.get(*index) {
        Some(Some(Answer::AuthExpired(words))) => Some(words.clone()),
        _ => None,
    });
    match words {
        Some(words) if refused.len() == open.len() => {
            Err(Failure::Misconfigured(format!("the provider refuses the credentials: {words}")))
        }
        Some(words) => {
            log::warn!("the provider refuses the credentials for some notifications: {words}");
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;

    use super::*;
    use crate::testing::{self, Asked, NOW, host, response};
    use crate::{address, request, words};

    /// A vendor whose first access is refused if it is told so.
    #[derive(Default)]
    struct Bell {
        renewed: Cell<u32>,
    }

    impl Vendor for Bell {
        type Access = bool;

        fn access(&self, renew: bool) -> Result<bool, Failure> {
            self.renewed.set(self.renewed.get() + u32::from(renew));
            Ok(renew)
        }

        fn request(&self, renewed: &bool, notification: &Notification) -> Result<Request, Answer> {
            let token = address::token(&notification.endpoint.address, &["token"])?;
            Ok(request::json(&format!("https://bell.example.com/{token}/{renewed}"), &serde_json::json!({})))
        }

        fn answer(&self, response: &Response) -> Answer {
            if response.status == 401 { Answer::AuthExpired(words(response)) } else { Answer::by_status(response) }
        }
    }

    fn to(id: &str, token: &str) -> Notification {
        Notification { id: id.to_owned(), ..testing::notification("bell", &format!("{token:?}")) }
    }

    fn urls(asked: &Asked) -> Vec<String> {
        asked.borrow().iter().map(|request| request.url.rsplit("com/").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn outcomes_come_in_order_whatever_becomes_of_each() {
        let (host, asked) = host(|request| response(if request.url.contains("dead") { 410 } else { 200 }, ""));
        let _host = host.start();
        let mut late = to("4", "late");
        late.expires_at = NOW;
        let batch = [to("1", "a"), to("2", "dead"), to("3", ""), late, to("5", "b")];
        let outcomes = deliver(&Bell::default(), &batch).unwrap();
        assert!(matches!(
            outcomes.as_slice(),
            [Outcome::Accepted(_), Outcome::Gone, Outcome::Rejected(_), Outcome::Rejected(_), Outcome::Accepted(_)]
        ));
        assert_eq!(urls(&asked), ["a/false", "dead/false", "b/false"]);
    }

    #[test]
    fn the_same_notification_twice_is_sent_once_and_answered_twice() {
        let (host, asked) = host(|_| response(410, ""));
        let _host = host.start();
        assert_eq!(deliver(&Bell::default(), &[to("1", "a"), to("1", "a")]), Ok(vec![Outcome::Gone, Outcome::Gone]));
        assert_eq!(asked.borrow().len(), 1);
    }

    #[test]
    fn only_what_was_refused_is_sent_again_with_new_access() {
        let (host, asked) = host(|request| response(if request.url.ends_with("b/false") { 401 } else { 200 }, ""));
        let _host = host.start();
        let bell = Bell::default();
        deliver(&bell, &[to("1", "a"), to("2", "b")]).unwrap();
        assert_eq!(urls(&asked), ["a/false", "b/false", "b/true"]);
        assert_eq!(bell.renewed.get(), 1);
    }

    #[test]
    fn where_all_are_refused_a_person_has_to_act_and_where_some_are_they_wait() {
        let (host, _) = host(|request| response(if request.url.contains("/b/") { 401 } else { 200 }, "no"));
        let _host = host.start();
        let failure = deliver(&Bell::default(), &[to("1", "b")]).unwrap_err();
        assert!(matches!(failure, Failure::Misconfigured(why) if why.contains("HTTP 401: no")));
        let outcomes = deliver(&Bell::default(), &[to("1", "a"), to("2", "b")]).unwrap();
        assert_eq!(outcomes, [Outcome::Accepted(None), Outcome::Retry(60_000)]);
    }
}
