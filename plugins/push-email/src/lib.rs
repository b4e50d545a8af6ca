//! Mail: by an SMTP relay that the operator of the host named, or through interfaces that take it by HTTP: any that
//! wants JSON or a form, and Alibaba Cloud's signed one.

mod aliyun;
mod api;
mod letter;

pub use aliyun::{Aliyun, AliyunConfig};
pub use api::{Api, ApiConfig};

use serde::Deserialize;
use warbler_push_kit::{config, deliver, post};
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

/// What an admin sets: one way, and for a service where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: Option<String>,
    api: Option<ApiConfig>,
    aliyun: Option<AliyunConfig>,
    smtp: Option<SmtpConfig>,
}

/// What an admin sets for SMTP: all else is the operator's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmtpConfig {
    /// The name of the operator's relay.
    relay: String,
}

/// The plugin.
pub enum Email {
    /// An interface that takes JSON or a form.
    Api(Api),
    /// Alibaba Cloud.
    Aliyun(Aliyun),
    /// The operator's mail relay of this name.
    Smtp(String),
}

impl Plugin for Email {
    fn init(config: &str) -> Result<Self, String> {
        let Config { base_url, api, aliyun, smtp } = warbler_sdk::config::parse(config)?;
        let url = base_url.map(|url| config::base_url("base_url", &url)).transpose()?;
        match (api, aliyun, smtp) {
            (Some(api), None, None) => {
                Ok(Self::Api(Api::new(api, url.ok_or("base_url is not set: where does the service take letters?")?)?))
            }
            (None, Some(aliyun), None) => Ok(Self::Aliyun(Aliyun::new(aliyun, url))),
            (None, None, Some(smtp)) if url.is_none() => Ok(Self::Smtp(smtp.relay)),
            (None, None, Some(_)) => {
                Err("base_url says nothing about smtp: the operator knows where the relay is".to_owned())
            }
            _ => Err("one way has to be set: smtp, api or aliyun".to_owned()),
        }
    }
}

impl Push for Email {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        match self {
            Self::Api(api) => deliver(api, batch),
            Self::Aliyun(aliyun) => deliver(aliyun, batch),
            Self::Smtp(relay) => post(relay, batch, |one| letter::Letter::write(one).map(letter::Letter::posted)),
        }
    }
}

warbler_sdk::export!(Email: Push);
