//! Mail, through interfaces that take it by HTTP: any that wants JSON or a form, and Alibaba Cloud's signed
//! one. SMTP is not spoken here: guests have no sockets.

mod aliyun;
mod api;
mod letter;

pub use aliyun::{Aliyun, AliyunConfig};
pub use api::{Api, ApiConfig};

use serde::Deserialize;
use warbler_push_kit::{config, deliver};
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

/// What an admin sets: one service, and where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: Option<String>,
    api: Option<ApiConfig>,
    aliyun: Option<AliyunConfig>,
}

/// The plugin.
pub enum Email {
    /// An interface that takes JSON or a form.
    Api(Api),
    /// Alibaba Cloud.
    Aliyun(Aliyun),
}

impl Plugin for Email {
    fn init(config: &str) -> Result<Self, String> {
        let Config { base_url, api, aliyun } = warbler_sdk::config::parse(config)?;
        let url = base_url.map(|url| config::base_url("base_url", &url)).transpose()?;
        match (api, aliyun) {
            (Some(api), None) => {
                Ok(Self::Api(Api::new(api, url.ok_or("base_url is not set: where does the service take letters?")?)?))
            }
            (None, Some(aliyun)) => Ok(Self::Aliyun(Aliyun::new(aliyun, url))),
            _ => Err("one service has to be set: api or aliyun".to_owned()),
        }
    }
}

impl Push for Email {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        match self {
            Self::Api(api) => deliver(api, batch),
            Self::Aliyun(aliyun) => deliver(aliyun, batch),
        }
    }
}

warbler_sdk::export!(Email: Push);
