//! Huawei's push service, for Android devices with HMS and for `HarmonyOS`. The two share an address and
//! codes, and differ in how one signs in and in what a message looks like.

mod harmony;
mod hms;
mod reply;

pub use harmony::{Harmony, HarmonyConfig};
pub use hms::{Hms, HmsConfig};

use serde::Deserialize;
use warbler_push_kit::{config, deliver_apart};
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

/// The kind of addresses that belong to `HarmonyOS`; all others are HMS's.
const HARMONY: &str = "harmony";

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    hms: HmsConfig,
    #[serde(default)]
    harmony: HarmonyConfig,
    #[serde(default = "default_base")]
    base_url: String,
    #[serde(default = "default_token")]
    token_url: String,
}

fn default_token() -> String {
    "https://oauth-login.cloud.huawei.com/oauth2/v3/token".to_owned()
}

fn default_base() -> String {
    "https://push-api.cloud.huawei.com".to_owned()
}

/// The plugin.
pub struct Huawei {
    hms: Hms,
    harmony: Harmony,
}

impl Plugin for Huawei {
    fn init(config: &str) -> Result<Self, String> {
        let config: Config = warbler_sdk::config::parse(config)?;
        let base_url = config::base_url("base_url", &config.base_url)?;
        let token_url = config::base_url("token_url", &config.token_url)?;
        let hms = Hms::new(config.hms, base_url.clone(), token_url);
        Ok(Self { hms, harmony: Harmony::new(config.harmony, base_url) })
    }
}

impl Push for Huawei {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver_apart(&self.hms, &self.harmony, batch, |notification| notification.endpoint.kind == HARMONY)
    }
}

warbler_sdk::export!(Huawei: Push);
