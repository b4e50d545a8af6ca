//! Batches for plugins that speak to two services: each gets its own, and the outcomes come back in order.

use warbler_sdk::{Failure, Notification, Outcome};

use crate::{Vendor, deliver};

/// Hands the notifications for which `is_second` holds to `second`, and the others to `first`.
///
/// # Errors
/// That of the only service that had any. Where both had some, a failure of one becomes the outcomes of
/// its notifications, because those of the other were perhaps accepted.
pub fn deliver_apart(
    first: &impl Vendor,
    second: &impl Vendor,
    batch: &[Notification],
    is_second: impl Fn(&Notification) -> bool,
) -> Result<Vec<Outcome>, Failure> {
    let (seconds, firsts): (Vec<Notification>, Vec<Notification>) = batch.iter().cloned().partition(&is_second);
    if seconds.is_empty() {
        return deliver(first, &firsts);
    }
    if firsts.is_empty() {
        return deliver(second, &seconds);
    }
    let mut of_first = spread(deliver(first, &firsts), firsts.len()).into_iter();
    let mut of_second = spread(deliver(second, &seconds), seconds.len()).into_iter();
    let outcomes = batch.iter().map(|one| if is_second(one) { of_second.next() } else { of_first.next() });
    Ok(outcomes.map(|outcome| outcome.unwrap_or(Outcome::Retry(10_000))).collect())
}

/// The outcomes, or what a failure means for each of so many notifications.
fn spread(delivered: Result<Vec<Outcome>, Failure>, count: usize) -> Vec<Outcome> {
    let all = match delivered {
        Ok(outcomes) => return outcomes,
        Err(Failure::Unavailable(after)) => Outcome::Retry(after),
        Err(Failure::Misconfigured(why) | Failure::Unsupported(why)) => Outcome::Rejected(why),
    };
    vec![all; count]
}
