//! A gateway of one's own: kannel's `sendsms`, by POST, so that neither password nor text is in a URL.
//! Source: Kannel user's guide, "Sending text messages with HTTP POST".

use serde::Deserialize;
use warbler_push_kit::{Answer, Vendor, retry_after, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, system};

use crate::number;

/// The longest text in characters: ten messages of 67, as long ones are put together.
const MOST_TEXT: usize = 670;

/// What an admin sets for a gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KannelConfig {
    /// The user of `sendsms`.
    username: String,
    /// Who sends, if the gateway does not know it.
    #[serde(default)]
    from: Option<String>,
    /// The text: `{title}`, `{body}` and `{code}` are filled in.
    #[serde(default = "default_text")]
    text: String,
}

fn default_text() -> String {
    "{body}".to_owned()
}

/// The gateway.
pub struct Kannel {
    config: KannelConfig,
    url: String,
}

impl Kannel {
    /// The gateway whose `sendsms` is at `url`.
    #[must_use]
    pub fn new(config: KannelConfig, url: String) -> Self {
        Self { config, url }
    }
}

impl Vendor for Kannel {
    type Access = ();

    fn access(&self, _renew: bool) -> Result<(), Failure> {
        Ok(())
    }

    fn request(&self, (): &(), notification: &Notification) -> Result<Request, Answer> {
        let number = number::read(&notification.endpoint.address)?;
        let text = text::fit_chars(&text::fill(&self.config.text, notification), MOST_TEXT);
        // Kannel counts in minutes.
        let minutes = notification.expires_at.saturating_sub(system::now()).div_ceil(60_000);
        let mut request = Request::new("POST", &self.url)
            .header("x-kannel-username", &self.config.username)
            .header("x-kannel-password", "{{secret:password}}")
            .header("x-kannel-to", number)
            .header("x-kannel-validity", minutes.to_string())
            .header("content-type", "text/plain; charset=UTF-8");
        if let Some(from) = &self.config.from {
            request = request.header("x-kannel-from", from);
        }
        // UCS-2 where the alphabet of GSM might not do.
        let coding = if text.is_ascii() { "0" } else { "2" };
        Ok(request.header("x-kannel-coding", coding).header("x-kannel-charset", "UTF-8").body(text))
    }

    fn answer(&self, response: &Response) -> Answer {
        match response.status {
            202 | 200 => Answer::Accepted(None),
            403 | 401 => Answer::AuthExpired(words(response)),
            429 => Answer::RateLimited(retry_after(response)),
            // The path is wrong, which says nothing of the number.
            404 => Answer::Rejected(words(response)),
            _ => Answer::by_status(response),
        }
    }
}
