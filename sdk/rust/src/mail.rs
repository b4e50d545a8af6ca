//! Letters by the mail relays that the operator named. Permission `mail`.
//!
//! Whom letters come from, and how the host signs in to a relay, is the operator's: a plugin names the relay.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::mail as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::mail as host;

pub use crate::bindings::imports::warbler::plugin::mail::{Error, Letter, Posted};

use crate::{Failure, Outcome};

impl From<Error> for Failure {
    /// So that `?` does in a hook: a relay that is away is asked again, and the rest is a person's to mend.
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(ms) => Self::Unavailable(ms),
            Error::NoRelay(text) | Error::Misconfigured(text) => Self::Misconfigured(text),
            Error::Invalid(text) | Error::UnknownMailbox(text) | Error::Refused(text) => Self::Unsupported(text),
        }
    }
}

impl Error {
    /// What a push provider says of the notification that was the letter, or that the whole batch cannot be sent.
    ///
    /// # Errors
    /// A person has to act, whichever letter it is.
    pub fn outcome(self) -> Result<Outcome, Failure> {
        match self {
            Self::UnknownMailbox(_) => Ok(Outcome::Gone),
            Self::Refused(words) | Self::Invalid(words) => Ok(Outcome::Rejected(words)),
            Self::Unavailable(ms) => Ok(Outcome::Retry(ms)),
            error @ (Self::NoRelay(_) | Self::Misconfigured(_)) => Err(error.into()),
        }
    }
}

/// Hands one letter to the relay called `relay`. `Ok` means that the relay answers for it from now on.
///
/// # Errors
/// It was not taken; after `Unavailable` it may have been, and the same letter may be sent again.
pub fn send(relay: &str, letter: &Letter) -> Result<Posted, Error> {
    host::send(relay, letter)
}

/// Hands up to 100 letters over, a few at a time, and gives what came of each, in their order.
#[must_use]
pub fn send_all(relay: &str, letters: &[Letter]) -> Vec<Result<Posted, Error>> {
    host::send_all(relay, letters)
}
