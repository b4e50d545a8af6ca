//! Text messages to telephones: through a gateway of one's own (kannel), or through the signed interfaces
//! of Alibaba Cloud and Tencent Cloud. For one-time codes, and for people without a device.

mod aliyun;
mod kannel;
mod number;
mod tencent;

pub use aliyun::{Aliyun, AliyunConfig};
pub use kannel::{Kannel, KannelConfig};
pub use tencent::{Tencent, TencentConfig};

use serde::Deserialize;
use warbler_push_kit::{config, deliver};
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

/// What an admin sets: one service, and where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: Option<String>,
    kannel: Option<KannelConfig>,
    aliyun: Option<AliyunConfig>,
    tencent: Option<TencentConfig>,
}

/// The plugin.
pub enum Sms {
    /// A gateway of one's own.
    Kannel(Kannel),
    /// Alibaba Cloud.
    Aliyun(Aliyun),
    /// Tencent Cloud.
    Tencent(Tencent),
}

impl Plugin for Sms {
    fn init(config: &str) -> Result<Self, String> {
        let Config { base_url, kannel, aliyun, tencent } = warbler_sdk::config::parse(config)?;
        let url = base_url.map(|url| config::base_url("base_url", &url)).transpose()?;
        match (kannel, aliyun, tencent) {
            (Some(kannel), None, None) => {
                Ok(Self::Kannel(Kannel::new(kannel, url.ok_or("base_url is not set: where is kannel's sendsms?")?)))
            }
            (None, Some(aliyun), None) => Ok(Self::Aliyun(Aliyun::new(aliyun, url))),
            (None, None, Some(tencent)) => Ok(Self::Tencent(Tencent::new(tencent, url))),
            _ => Err("one service has to be set: kannel, aliyun or tencent".to_owned()),
        }
    }
}

impl Push for Sms {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        match self {
            Self::Kannel(kannel) => deliver(kannel, batch),
            Self::Aliyun(aliyun) => deliver(aliyun, batch),
            Self::Tencent(tencent) => deliver(tencent, batch),
        }
    }
}

warbler_sdk::export!(Sms: Push);
