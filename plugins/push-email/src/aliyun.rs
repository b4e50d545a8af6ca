//! Alibaba Cloud's mail service. Source: `DirectMail`, `SingleSendMail`, version 2015-11-23, help.aliyun.com.

use serde::Deserialize;
use warbler_push_kit::aliyun::{self, Call, Key};
use warbler_push_kit::{Answer, Vendor, request};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification};

use crate::letter::Letter;

/// Where requests go, unless the configuration says otherwise.
const BASE: &str = "https://dm.aliyuncs.com";

/// What an admin sets for Alibaba Cloud.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliyunConfig {
    /// The access key's identifier.
    access_key_id: String,
    /// The address that letters come from, as it was set up there.
    account_name: String,
    /// The name that people see beside it.
    #[serde(default)]
    from_alias: Option<String>,
}

/// The service.
pub struct Aliyun {
    config: AliyunConfig,
    base_url: String,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "EnvId")]
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
        let letter = Letter::write(notification)?;
        let mut arguments = vec![
            ("AccountName", self.config.account_name.as_str()),
            ("AddressType", "1"),
            ("ReplyToAddress", "false"),
            ("ToAddress", &letter.to),
            ("Subject", &letter.subject),
            ("TextBody", &letter.text),
        ];
        arguments.extend(self.config.from_alias.as_deref().map(|alias| ("FromAlias", alias)));
        let call = Call {
            base_url: &self.base_url,
            action: "SingleSendMail",
            version: "2015-11-23",
            arguments: &arguments,
            in_body: true,
        };
        Ok(call.request(key))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply = aliyun::reply(response);
        if let Some(answer) = aliyun::refusal(response, &reply) {
            return answer;
        }
        match reply.code.as_str() {
            "" => {
                let sent: Option<Sent> = request::read(response);
                sent.map_or_else(|| Answer::malformed(response), |sent| Answer::Accepted(Some(sent.id)))
            }
            "InvalidToAddress" => Answer::Gone,
            code => Answer::Rejected(format!("{code}: {}", reply.message)),
        }
    }
}
