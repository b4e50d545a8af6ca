//! Tencent Cloud's short message service. Source: `SendSms`, version 2021-01-11, and "签名方法 v3",
//! cloud.tencent.com.

use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::{Answer, Vendor, config, date, encode, request, retry_after, secret, sign, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Timestamp, system};

use crate::number;

/// The name of the secret of the key.
const SECRET: &str = "secret_key";
/// The type of the body, as it is signed.
const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// Where requests go, unless the configuration says otherwise.
const BASE: &str = "https://sms.tencentcloudapi.com";

/// What an admin sets for Tencent Cloud.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TencentConfig {
    /// The key's identifier.
    secret_id: String,
    /// The application's identifier.
    app_id: String,
    /// The signature that was approved; none for numbers outside the mainland.
    #[serde(default)]
    sign_name: Option<String>,
    /// The template that was approved.
    template_id: String,
    /// What stands for the template's variables, in order: `{title}`, `{body}` and `{code}` are filled in.
    #[serde(default = "default_parameters")]
    parameters: Vec<String>,
    /// The region.
    #[serde(default = "default_region")]
    region: String,
}

fn default_parameters() -> Vec<String> {
    vec!["{code}".to_owned()]
}

fn default_region() -> String {
    "ap-guangzhou".to_owned()
}

/// The service.
pub struct Tencent {
    config: TencentConfig,
    base_url: String,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Response")]
    response: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    error: Option<Status>,
    #[serde(default)]
    send_status_set: Vec<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    serial_no: String,
}

impl Tencent {
    /// The service, at its usual address unless another is given.
    #[must_use]
    pub fn new(config: TencentConfig, base_url: Option<String>) -> Self {
        Self { config, base_url: base_url.unwrap_or_else(|| BASE.to_owned()) }
    }

    fn signed(&self, secret: &str, body: &str, now: Timestamp) -> Request {
        let host = config::origin(&self.base_url).and_then(|origin| origin.split("://").nth(1));
        let host = host.unwrap_or_default();
        let authorization = authorization(&self.config.secret_id, secret, host, body, now);
        Request::new("POST", format!("{}/", self.base_url))
            .header("authorization", authorization)
            .header("content-type", CONTENT_TYPE)
            .header("x-tc-action", "SendSms")
            .header("x-tc-version", "2021-01-11")
            .header("x-tc-timestamp", (now / 1_000).to_string())
            .header("x-tc-region", &self.config.region)
            .body(body)
    }
}

/// The value of `authorization`: TC3-HMAC-SHA256 over type and host, the time, and the body.
fn authorization(id: &str, secret: &str, host: &str, body: &str, now: Timestamp) -> String {
    let digest = |text: &str| encode::hex(sign::sha256(text.as_bytes()));
    let (day, seconds) = (date::Civil::from_timestamp(now).day_text(), now / 1_000);
    let canonical =
        format!("POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\ncontent-type;host\n{}", digest(body));
    let scope = format!("{day}/sms/tc3_request");
    let signed = format!("TC3-HMAC-SHA256\n{seconds}\n{scope}\n{}", digest(&canonical));
    let mut key = sign::hmac_sha256(format!("TC3{secret}").as_bytes(), day.as_bytes());
    for part in ["sms", "tc3_request"] {
        key = sign::hmac_sha256(&key, part.as_bytes());
    }
    let signature = encode::hex(sign::hmac_sha256(&key, signed.as_bytes()));
    format!("TC3-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders=content-type;host, Signature={signature}")
}

impl Vendor for Tencent {
    /// The key.
    type Access = String;

    fn access(&self, _renew: bool) -> Result<String, Failure> {
        Ok(secret::required(SECRET)?.trim().to_owned())
    }

    fn request(&self, secret: &String, notification: &Notification) -> Result<Request, Answer> {
        let number = number::read(&notification.endpoint.address)?;
        let parameters: Vec<String> =
            self.config.parameters.iter().map(|parameter| text::fill(parameter, notification)).collect();
        let body = json!({
            "PhoneNumberSet": [number],
            "SmsSdkAppId": self.config.app_id,
            "SignName": self.config.sign_name.as_deref().unwrap_or_default(),
            "TemplateId": self.config.template_id,
            "TemplateParamSet": parameters,
            "SessionContext": notification.id,
        });
        Ok(self.signed(secret, &body.to_string(), system::now()))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply: Option<Reply> = request::read(response);
        let Some(Reply { response: body }) = reply else {
            return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
        };
        let Some(status) = body.error.or_else(|| body.send_status_set.into_iter().next()) else {
            return Answer::malformed(response);
        };
        let code = status.code.as_str();
        match code {
            "Ok" => Answer::Accepted(Some(status.serial_no).filter(|id| !id.is_empty())),
            "InvalidParameterValue.IncorrectPhoneNumber" => Answer::Gone,
            _ if code.starts_with("AuthFailure") => Answer::AuthExpired(words(response)),
            _ if code.starts_with("LimitExceeded") || code == "RequestLimitExceeded" => {
                Answer::RateLimited(retry_after(response))
            }
            _ if code.starts_with("InternalError") || code == "FailedOperation.ResourceUnavailable" => {
                Answer::Retry(None)
            }
            _ => Answer::Rejected(format!("{code}: {}", status.message)),
        }
    }
}
