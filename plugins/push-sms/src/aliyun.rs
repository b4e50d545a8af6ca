//! Alibaba Cloud's short message service. Source: `SendSms`, version 2017-05-25, help.aliyun.com.

use serde::Deserialize;
use serde_json::{Map, Value};
use warbler_push_kit::aliyun::{self, Call, Key};
use warbler_push_kit::{Answer, Vendor, request, retry_after, text};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification};

use crate::number;

/// Where requests go, unless the configuration says otherwise.
const BASE: &str = "https://dysmsapi.aliyuncs.com";

/// What an admin sets for Alibaba Cloud.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliyunConfig {
    /// The access key's identifier.
    access_key_id: String,
    /// The signature that was approved.
    sign_name: String,
    /// The template that was approved.
    template_code: String,
    /// What stands for the template's variables: `{title}`, `{body}` and `{code}` are filled in.
    #[serde(default = "default_parameters")]
    parameters: Map<String, Value>,
}

fn default_parameters() -> Map<String, Value> {
    Map::from_iter([("code".to_owned(), "{code}".into())])
}

/// The service.
pub struct Aliyun {
    config: AliyunConfig,
    base_url: String,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "BizId")]
    id: String,
}

impl Aliyun {
    /// The service, at its usual address unless another is given.
    #[must_use]
    pub fn new(config: AliyunConfig, base_url: Option<String>) -> Self {
        Self { config, base_url: base_url.unwrap_or_else(|| BASE.to_owned()) }
    }
}

impl Vendor for Aliyun {
    type Access = Key;

    fn access(&self, _renew: bool) -> Result<Key, Failure> {
        Key::stored(&self.config.access_key_id)
    }

    fn request(&self, key: &Key, notification: &Notification) -> Result<Request, Answer> {
        let number = number::read(&notification.endpoint.address)?;
        // Numbers of the mainland go without their country, others without the plus sign.
        let digits = number.trim_start_matches('+');
        let digits = digits.strip_prefix("86").filter(|rest| rest.len() == 11).unwrap_or(digits);
        let filled: Map<String, Value> = self
            .config
            .parameters
            .iter()
            .map(|(name, value)| {
                let value =
                    value.as_str().map_or_else(|| value.clone(), |value| text::fill(value, notification).into());
                (name.clone(), value)
            })
            .collect();
        let call = Call {
            base_url: &self.base_url,
            action: "SendSms",
            version: "2017-05-25",
            arguments: &[
                ("PhoneNumbers", digits),
                ("SignName", &self.config.sign_name),
                ("TemplateCode", &self.config.template_code),
                ("TemplateParam", &Value::Object(filled).to_string()),
                ("OutId", &notification.id),
            ],
            in_body: false,
        };
        Ok(call.request(key))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply = aliyun::reply(response);
        if reply.code == "OK" {
            let sent: Option<Sent> = request::read(response);
            return sent.map_or_else(|| Answer::malformed(response), |sent| Answer::Accepted(Some(sent.id)));
        }
        if let Some(answer) = aliyun::refusal(response, &reply) {
            return answer;
        }
        match reply.code.as_str() {
            "" => Answer::malformed(response),
            "isv.MOBILE_NUMBER_ILLEGAL" => Answer::Gone,
            "isv.BUSINESS_LIMIT_CONTROL" | "isv.DAY_LIMIT_CONTROL" => Answer::RateLimited(retry_after(response)),
            "isp.SYSTEM_ERROR" | "isp.RAM_PERMISSION_DENY" => Answer::Retry(None),
            code => Answer::Rejected(format!("{code}: {}", reply.message)),
        }
    }
}
