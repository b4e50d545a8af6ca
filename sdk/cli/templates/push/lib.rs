//! {{name}}: hands notifications to a provider over HTTP, one request each. A start for a provider of your own.

use serde::Deserialize;
use serde_json::json;
use warbler_sdk::http::{self, Request, Response};
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push, config};

/// How long to wait unless the provider says, in milliseconds.
const RETRY_MS: u64 = 30_000;

/// The tenant's configuration; `manifest.json` has its schema.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where notifications are posted.
    url: String,
}

/// The provider, ready to deliver.
struct Provider {
    config: Config,
}

impl Plugin for Provider {
    fn init(config: &str) -> Result<Self, String> {
        Ok(Self { config: config::parse(config)? })
    }
}

impl Push for Provider {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        let requests: Vec<Request> = batch.iter().map(|notification| self.request(notification)).collect();
        // Several at a time: a batch has ten seconds.
        let outcomes = http::fetch_all(&requests).into_iter().map(|response| match response {
            Ok(response) => Ok(outcome(&response)),
            // Nobody could be reached: the notification is tried again. A grant that is missing is a person's to mend.
            Err(http::Error::Timeout | http::Error::Unreachable(_)) => Ok(Outcome::Retry(RETRY_MS)),
            Err(error) => Err(Failure::from(error)),
        });
        outcomes.collect()
    }
}

impl Provider {
    fn request(&self, notification: &Notification) -> Request {
        let address: serde_json::Value = serde_json::from_str(&notification.endpoint.address).unwrap_or_default();
        let body = json!({
            // The same whenever the same notification comes again, so that the provider can tell.
            "id": notification.id,
            "to": address,
            "title": notification.title,
            "body": notification.body,
            "badge": notification.badge,
            "collapse": notification.collapse_key,
            "expires_at": notification.expires_at,
        });
        Request::new("POST", &self.config.url)
            .header("content-type", "application/json")
            // The host puts the secret in its place: this plugin never sees it.
            .header("authorization", "Bearer {{secret:token}}")
            .body(body.to_string())
    }
}

/// What a status says of a notification.
fn outcome(response: &Response) -> Outcome {
    match response.status {
        200..=299 => Outcome::Accepted(response.header("x-message-id").map(str::to_owned)),
        404 | 410 => Outcome::Gone,
        408 | 429 | 500..=599 => {
            let seconds = response.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
            Outcome::Retry(seconds.map_or(RETRY_MS, |seconds| seconds.saturating_mul(1_000)))
        }
        status => Outcome::Rejected(format!("{status}: {}", String::from_utf8_lossy(&response.body))),
    }
}

warbler_sdk::export!(Provider: Push);

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_sdk::testing::{Host, notification};

    #[test]
    fn each_notification_has_the_outcome_that_its_answer_stands_for() {
        let answer = |request: &Request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            let status = body["to"]["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap();
            Ok(Response { status, headers: vec![("Retry-After".to_owned(), "7".to_owned())], body: b"no".to_vec() })
        };
        let _host = Host::new().with_http(answer).start();
        let provider = Provider::init(r#"{"url": "https://push.example.com/send"}"#).unwrap();
        let batch = [200, 410, 429, 400].map(|status| notification("{{name}}", &format!(r#"{{"status": {status}}}"#)));
        let outcomes = provider.deliver(&batch).unwrap();
        let rejected = Outcome::Rejected("400: no".to_owned());
        assert_eq!(outcomes, [Outcome::Accepted(None), Outcome::Gone, Outcome::Retry(7_000), rejected]);
    }
}
