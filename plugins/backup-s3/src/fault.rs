//! What a store's refusals mean for the host: try again, let a person act, or give up.

use sink_kit::retry_after;
use warbler_sdk::Failure;
use warbler_sdk::http::Response;

use crate::xml;

/// Codes for what a repetition mends: the request was damaged or slow on its way, or another was faster.
const PASSING: [&str; 8] = [
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "InternalError",
    "BadDigest",
    "IncompleteBody",
    "OperationAborted",
    "XAmzContentSHA256Mismatch",
];

/// What an answer means that is not the one that was hoped for.
pub(crate) fn read(response: &Response) -> Failure {
    let error = xml::error(&response.body);
    let code = error.code.as_str();
    if PASSING.contains(&code) {
        return retry_after(response);
    }
    match (response.status, code) {
        (_, "RequestTimeTooSkewed") => misconfigured(
            "RequestTimeTooSkewed: the clocks of this host and of the store are more than 15 minutes apart",
        ),
        (_, "NoSuchBucket") => misconfigured("NoSuchBucket: there is no such bucket; check `bucket` and `style`"),
        (_, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect") | (301, _) => {
            misconfigured(&region(response, &error))
        }
        (507, _) | (_, "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded") => {
            misconfigured(&format!("{}: the store has no room left", or(code, "InsufficientStorage")))
        }
        (401 | 403, _) => misconfigured(&format!("{}: {}", or(code, "AccessDenied"), advice(code))),
        (408 | 409 | 425 | 429 | 500..=599, _) => retry_after(response),
        // Neither an object nor a bucket was named as missing: something else answers at this address.
        (404 | 405 | 200..=399, _) => {
            misconfigured(&format!("status {} {code}: this is no S3-compatible store", response.status))
        }
        (status, _) => Failure::Unsupported(format!("the store answered {status} {}: {}", code, short(&error.message))),
    }
}

fn misconfigured(text: &str) -> Failure {
    Failure::Misconfigured(text.to_owned())
}

fn or<'a>(code: &'a str, other: &'a str) -> &'a str {
    if code.is_empty() { other } else { code }
}

fn advice(code: &str) -> &'static str {
    match code {
        "InvalidAccessKeyId" => "the store does not know the access key; check the secret `access-key-id`",
        "SignatureDoesNotMatch" => "the signature does not match; check the secret `secret-access-key` and `region`",
        "ExpiredToken" | "InvalidToken" => "the secret `session-token` has expired or is not valid",
        _ => "the store refuses access; the key needs to get, put, list and delete in this bucket",
    }
}

fn region(response: &Response, error: &xml::Error) -> String {
    let header = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-bucket-region"));
    let region = header.map_or(error.region.as_str(), |(_, region)| region);
    match region {
        "" => {
            format!("{}: the bucket is elsewhere; check `endpoint` and `region`", or(&error.code, "PermanentRedirect"))
        }
        region => format!("the bucket is in the region {:?}; set `endpoint` and `region` to it", short(region)),
    }
}

/// So much of a store's words that a line holds them.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, body: &str) -> Failure {
        read(&Response { status, headers: Vec::new(), body: body.into() })
    }

    fn error(code: &str) -> String {
        format!("<Error><Code>{code}</Code><Message>m</Message></Error>")
    }

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (400, "BadDigest")] {
            assert_eq!(meaning(status, &error(code)), Failure::Unavailable(1_000), "{code}");
        }
        assert_eq!(meaning(502, "<html>Bad Gateway</html>"), Failure::Unavailable(1_000));
        assert_eq!(meaning(429, ""), Failure::Unavailable(1_000));
    }

    #[test]
    fn what_a_person_has_to_mend_is_told_with_the_code() {
        for (status, code, part) in [
            (403, "AccessDenied", "AccessDenied: the store refuses"),
            (403, "SignatureDoesNotMatch", "`secret-access-key`"),
            (403, "InvalidAccessKeyId", "`access-key-id`"),
            (403, "RequestTimeTooSkewed", "more than 15 minutes apart"),
            (404, "NoSuchBucket", "`bucket`"),
            (301, "PermanentRedirect", "`region`"),
            (507, "", "no room left"),
        ] {
            let failure = meaning(status, &error(code));
            assert!(matches!(&failure, Failure::Misconfigured(text) if text.contains(part)), "{failure:?}");
        }
        let body =
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>";
        let failure = meaning(400, body);
        assert!(matches!(&failure, Failure::Misconfigured(text) if text.contains("\"eu-west-1\"")), "{failure:?}");
    }

    #[test]
    fn what_can_never_be_served_is_given_up() {
        assert!(
            matches!(meaning(400, &error("EntityTooLarge")), Failure::Unsupported(text) if text.contains("EntityTooLarge"))
        );
    }
}
