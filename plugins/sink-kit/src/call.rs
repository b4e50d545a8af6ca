//! One call of a sink: how long it may still take, and how often a request of it is tried.

use warbler_sdk::Failure;
use warbler_sdk::http::{Error, Request, Response, fetch};
use warbler_sdk::system;

/// How long a call may take, in milliseconds: short of the minute after which the host ends it, so that
/// there is time left to clean up.
const BUDGET_MS: u64 = 50_000;
/// The longest that one request may take, in milliseconds; the host's own limit is no longer.
const REQUEST_MS: u64 = 30_000;
/// What is left for cleaning up, in milliseconds, however late it is.
const LAST_MS: u64 = 4_000;
/// How often a request is sent at most.
const ATTEMPTS: u32 = 3;
/// When to try again if the server does not say, in milliseconds.
const WAIT_MS: u64 = 1_000;
/// The longest that the host is asked to wait, in milliseconds, whatever the server says.
pub const MAX_WAIT_MS: u64 = 600_000;

/// One call, from its start.
#[derive(Debug)]
pub struct Call {
    started: u64,
}

impl Call {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: system::now() }
    }

    /// The time for the next request, in milliseconds; `None` once the call took too long.
    fn time_left(&self) -> Option<u32> {
        // A clock set back must not stop a call, nor give it more than a request may have.
        let spent = system::now().saturating_sub(self.started);
        let left = BUDGET_MS.checked_sub(spent).filter(|left| *left > 0)?;
        u32::try_from(left.min(REQUEST_MS)).ok()
    }

    /// Sends what `make` makes, and again where the network or the server failed on the way: whatever is
    /// sent here must be the same when it arrives twice. Answers of the last attempt are given as they are.
    ///
    /// # Errors
    /// `Unavailable` if nothing answered in time; `Misconfigured` if the host does not let the request pass.
    pub fn send(&self, mut make: impl FnMut() -> Request) -> Result<Response, Failure> {
        for attempt in 1.. {
            let Some(time) = self.time_left() else { break };
            let mut request = make();
            request.timeout_ms = time;
            let last = attempt == ATTEMPTS;
            match fetch(&request) {
                // A server that is merely busy is not asked again at once: the host waits and repeats the call.
                Ok(response) if last || !matches!(response.status, 500 | 502 | 504) => return Ok(response),
                Err(error) if last || !may_pass(&error) => return Err(failure(error)),
                Ok(_) | Err(_) => {}
            }
        }
        Err(Failure::Unavailable(WAIT_MS))
    }

    /// Sends a request that cleans up, once, even if the time is over. What comes of it does not matter.
    pub fn clean_up(&self, mut request: Request) {
        let left = self.time_left().map_or(LAST_MS, |left| u64::from(left).max(LAST_MS));
        request.timeout_ms = u32::try_from(left.min(LAST_MS)).unwrap_or_default();
        drop(fetch(&request));
    }
}

/// Whether the same request may get through at the next attempt.
fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Timeout | Error::Unreachable(_))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Timeout | Error::Unreachable(_) => Failure::Unavailable(WAIT_MS),
        Error::Denied(why) => Failure::Misconfigured(format!("the host did not let the request pass: {why}")),
        Error::TooLarge(limit) => {
            Failure::Unsupported(format!("the server's answer is longer than the host's limit of {limit} bytes"))
        }
    }
}

/// `Unavailable`, for as long as the server asks to wait (RFC 9110, section 10.2.3, in seconds).
#[must_use]
pub fn retry_after(response: &Response) -> Failure {
    let seconds = header(response, "retry-after").and_then(|value| value.trim().parse::<u64>().ok());
    let wait = seconds.map_or(WAIT_MS, |seconds| seconds.saturating_mul(1_000));
    Failure::Unavailable(wait.clamp(WAIT_MS, MAX_WAIT_MS))
}

/// The value of a header, by its name in lower case.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use warbler_sdk::testing::Host;

    use super::*;

    fn answer(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new() }
    }

    #[test]
    fn a_fault_on_the_way_is_tried_three_times_and_no_more() {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let _host = Host::new()
            .with_http(move |_| {
                count.set(count.get() + 1);
                if count.get() % 2 == 0 { Ok(answer(502)) } else { Err(Error::Unreachable("cut".into())) }
            })
            .start();
        let failed = Call::start().send(|| Request::new("GET", "http://a/"));
        assert_eq!((failed.map(|response| response.status), asked.get()), (Err(Failure::Unavailable(1_000)), 3));
    }

    #[test]
    fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
        let asked = Rc::new(Cell::new(0));
        let count = asked.clone();
        let _host = Host::new()
            .with_http(move |_| {
                count.set(count.get() + 1);
                Ok(Response { headers: vec![("Retry-After".into(), "7".into())], ..answer(503) })
            })
            .start();
        let response = Call::start().send(|| Request::new("GET", "http://a/"));
        assert_eq!((response.as_ref().map(retry_after), asked.get()), (Ok(Failure::Unavailable(7_000)), 1));
    }

    #[test]
    fn no_request_is_sent_once_the_call_took_too_long() {
        let host = Host::new().with_now(1_000).with_http(|_| Ok(answer(200))).start();
        let call = Call::start();
        host.set_now(1_000 + BUDGET_MS);
        assert_eq!(call.send(|| Request::new("GET", "http://a/")).map(drop), Err(Failure::Unavailable(WAIT_MS)));
        host.set_now(0);
        assert_eq!(call.send(|| Request::new("GET", "http://a/")).map(drop), Ok(()));
    }

    #[test]
    fn what_the_host_forbids_is_for_a_person_to_mend() {
        let _host = Host::new().with_http(|_| Err(Error::Denied("a:1 was not granted".into()))).start();
        let failed = Call::start().send(|| Request::new("GET", "http://a/")).map(drop);
        assert!(matches!(failed, Err(Failure::Misconfigured(why)) if why.contains("a:1 was not granted")));
    }
}
