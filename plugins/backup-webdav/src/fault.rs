//! What a server's refusals mean for the host: try again, let a person act, or give up.

use sink_kit::retry_after;
use warbler_sdk::Failure;
use warbler_sdk::http::Response;

/// What an answer means that is not the one that was hoped for, to the request `method`.
pub(crate) fn read(method: &str, response: &Response) -> Failure {
    let misconfigured = |text: &str| Failure::Misconfigured(format!("status {} to {method}: {text}", response.status));
    match response.status {
        401 => misconfigured("the server does not let this user in; check `user` and the secret"),
        403 => misconfigured("the server refuses access; the user needs to read and write in this folder"),
        404 | 409 => misconfigured("there is no such folder; check `endpoint`"),
        405 | 501 | 200..=399 => misconfigured("this is no WebDAV folder; check `endpoint`"),
        507 => misconfigured("the server has no room left"),
        // 423: somebody else's lock, which ends by itself.
        408 | 423 | 425 | 429 | 500..=599 => retry_after(response),
        status => Failure::Unsupported(format!("the server answered {status} to {method}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_who_has_to_act() {
        let read = |status| read("PUT", &Response { status, headers: Vec::new(), body: Vec::new() });
        for status in [408, 423, 429, 500, 502, 503, 504] {
            assert!(matches!(read(status), Failure::Unavailable(_)), "{status}");
        }
        for status in [200, 301, 401, 403, 404, 405, 409, 501, 507] {
            assert!(matches!(read(status), Failure::Misconfigured(_)), "{status}");
        }
        for status in [400, 413, 414, 415] {
            assert!(matches!(read(status), Failure::Unsupported(_)), "{status}");
        }
    }
}
