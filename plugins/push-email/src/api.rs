//! Mail services that take a letter as JSON or as a form. Which field is called what, the configuration
//! says; the README has it for well-known services.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use warbler_push_kit::{Answer, Vendor, request, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification};

use crate::letter::Letter;

/// What an admin sets for a service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// How.
    #[serde(default)]
    format: Format,
    /// Headers, with `{{secret:token}}` where the service's token belongs.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body: texts in it have `{to}`, `{subject}` and `{text}` filled in.
    body: Value,
    /// Where the answer has the letter's identifier, as a JSON pointer.
    #[serde(default)]
    id: Option<String>,
    /// A part of the answer that says that the address is dead.
    #[serde(default)]
    gone: Option<String>,
}

/// How a letter is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Form,
}

/// The service.
pub struct Api {
    config: ApiConfig,
    url: String,
}

impl Api {
    /// The service that takes letters at `url`.
    ///
    /// # Errors
    /// The body is no object, or a form has fields that are no texts.
    pub fn new(config: ApiConfig, url: String) -> Result<Self, String> {
        let fields = config.body.as_object().ok_or("api.body is not an object")?;
        if config.format == Format::Form && !fields.values().all(Value::is_string) {
            return Err("api.body has a field that is no text, and a form has texts only".to_owned());
        }
        Ok(Self { config, url })
    }
}

impl Vendor for Api {
    type Access = ();

    fn access(&self, _renew: bool) -> Result<(), Failure> {
        Ok(())
    }

    fn request(&self, (): &(), notification: &Notification) -> Result<Request, Answer> {
        let letter = Letter::write(notification)?;
        let body = filled(&self.config.body, &letter);
        let request = match (self.config.format, body.as_object()) {
            (Format::Form, Some(object)) => {
                let fields = object.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
                request::form(&self.url, &fields.collect::<Vec<_>>())
            }
            _ => request::json(&self.url, &body),
        };
        Ok(self.config.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    fn answer(&self, response: &Response) -> Answer {
        let body = String::from_utf8_lossy(&response.body);
        let is_dead = self.config.gone.as_deref().is_some_and(|part| !part.is_empty() && body.contains(part));
        match response.status {
            200..=299 => Answer::Accepted(self.id(response)),
            _ if is_dead => Answer::Gone,
            401 | 403 => Answer::AuthExpired(words(response)),
            // The path is wrong, which says nothing of the address.
            404 | 410 => Answer::Rejected(words(response)),
            _ => Answer::by_status(response),
        }
    }
}

impl Api {
    fn id(&self, response: &Response) -> Option<String> {
        let body: Value = request::read(response)?;
        let id = body.pointer(self.config.id.as_deref()?)?;
        Some(id.as_str().map_or_else(|| id.to_string(), ToOwned::to_owned)).map(|id| text::shorten(&id, 128).to_owned())
    }
}

/// `template` with its texts filled in, at any depth.
fn filled(template: &Value, letter: &Letter) -> Value {
    match template {
        Value::String(text) => letter.fill(text).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, letter)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), filled(value, letter))).collect())
        }
        other => other.clone(),
    }
}
