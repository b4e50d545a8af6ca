//! The way of a batch that leaves as letters, by a mail relay of the host's.

use warbler_sdk::mail::{self, Error, Letter};
use warbler_sdk::{Failure, Notification, Outcome, log, system};

use crate::Answer;
use crate::batch::{at_once, firsts};

/// Hands a batch to the mail relay called `relay`, each notification as the letter that `write` makes of it, and
/// gives one outcome for each, in order. What has expired is not sent, and what stands in the batch twice is sent
/// once.
///
/// # Errors
/// Not one letter was taken, and a person has to act.
pub fn post(
    relay: &str,
    batch: &[Notification],
    write: impl Fn(&Notification) -> Result<Letter, Answer>,
) -> Result<Vec<Outcome>, Failure> {
    let now = system::now();
    let first = firsts(batch);
    let mut answers: Vec<Option<Answer>> = batch.iter().map(|notification| at_once(notification, now)).collect();
    let (mut letters, mut places) = (Vec::new(), Vec::new());
    for (index, (notification, answer)) in batch.iter().zip(&mut answers).enumerate() {
        if answer.is_some() || first.contains_key(&index) {
            continue;
        }
        match write(notification) {
            Ok(letter) => {
                letters.push(letter);
                places.push(index);
            }
            Err(said) => *answer = Some(said),
        }
    }
    let said: Vec<Answer> = hand_over(relay, &letters)?;
    for (place, said) in places.into_iter().zip(said) {
        if let Some(answer) = answers.get_mut(place) {
            *answer = Some(said);
        }
    }
    let outcome = |index: usize| {
        let original = first.get(&index).copied().unwrap_or(index);
        answers.get(original).cloned().flatten().unwrap_or(Answer::Retry(None)).outcome()
    };
    Ok((0..batch.len()).map(outcome).collect())
}

fn hand_over(relay: &str, letters: &[Letter]) -> Result<Vec<Answer>, Failure> {
    let taken = match letters {
        [] => return Ok(Vec::new()),
        [one] => vec![mail::send(relay, one)],
        several => mail::send_all(relay, several),
    };
    let answers: Vec<Answer> = taken.into_iter().map(answer).collect();
    let mut refusals = answers.iter().filter_map(|answer| match answer {
        Answer::AuthExpired(why) => Some(why),
        _ => None,
    });
    match refusals.next() {
        Some(why) if refusals.count() + 1 == answers.len() => {
            Err(Failure::Misconfigured(format!("the mail relay {relay:?} cannot be used: {why}")))
        }
        Some(why) => {
            log::warn!("the mail relay {relay:?} could not be used for some letters: {why}");
            Ok(answers)
        }
        None => Ok(answers),
    }
}

/// What a relay's reply means.
fn answer(taken: Result<mail::Posted, Error>) -> Answer {
    match taken {
        Ok(posted) => Answer::Accepted(Some(posted.message_id)),
        Err(Error::UnknownMailbox(_)) => Answer::Gone,
        // It may have been taken; the letter's identifier tells a repetition.
        Err(Error::Unavailable(ms)) => Answer::Retry(Some(std::time::Duration::from_millis(ms))),
        Err(Error::Refused(words) | Error::Invalid(words)) => Answer::Rejected(words),
        Err(Error::NoRelay(why) | Error::Misconfigured(why)) => Answer::AuthExpired(why),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_sdk::testing::Host;

    use super::*;
    use crate::testing::{NOW, notification};

    fn letter(notification: &Notification) -> Result<Letter, Answer> {
        let to = crate::address::token(&notification.endpoint.address, &["address"])?;
        let (subject, text) = (notification.title.clone(), notification.body.clone());
        Ok(Letter { to, subject, text, html: None, id: notification.id.clone() })
    }

    fn to(id: &str, name: &str) -> Notification {
        Notification { id: id.to_owned(), ..notification("email", &format!("\"{name}@example.com\"")) }
    }

    fn host() -> warbler_sdk::testing::Running {
        let host = Host::new().with_now(NOW).with_mail(|relay, letter| {
            assert_eq!(relay, "office");
            match letter.to.split('@').next().unwrap() {
                "gone" => Err(Error::UnknownMailbox("550 5.1.1 no".to_owned())),
                "later" => Err(Error::Unavailable(5_000)),
                "never" => Err(Error::Refused("554 no".to_owned())),
                "shut" => Err(Error::Misconfigured("535 no".to_owned())),
                _ => Ok(mail::Posted { message_id: format!("<{}@x>", letter.id), answer: "250".to_owned() }),
            }
        });
        host.start()
    }

    #[test]
    fn outcomes_come_in_order_whatever_becomes_of_each_letter() {
        let _host = host();
        let mut late = to("5", "li");
        late.expires_at = NOW;
        let batch = [to("1", "li"), to("2", "gone"), to("3", "later"), to("4", "never"), late, to("1", "li")];
        let outcomes = post("office", &batch, letter).unwrap();
        let accepted = Outcome::Accepted(Some("<1@x>".to_owned()));
        assert_eq!(outcomes[..3], [accepted.clone(), Outcome::Gone, Outcome::Retry(5_000)]);
        assert!(matches!(&outcomes[3..5], [Outcome::Rejected(words), Outcome::Rejected(_)] if words == "554 no"));
        assert_eq!(outcomes[5], accepted);
    }

    #[test]
    fn a_relay_that_refuses_the_host_fails_the_batch_unless_it_took_a_letter() {
        let _host = host();
        let failure = post("office", &[to("1", "shut"), to("2", "shut")], letter).unwrap_err();
        assert!(matches!(failure, Failure::Misconfigured(why) if why.contains("535")));
        let outcomes = post("office", &[to("1", "li"), to("2", "shut")], letter).unwrap();
        assert!(matches!(outcomes.as_slice(), [Outcome::Accepted(_), Outcome::Retry(_)]), "{outcomes:?}");
    }
}
