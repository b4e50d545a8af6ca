//! Web Push: notifications for browsers, encrypted for each of them and signed with the tenant's VAPID
//! key. Which device gets what is the host's decision.

mod encrypt;
mod subscription;
mod vapid;
mod vendor;

pub use encrypt::{MOST_PLAINTEXT, encrypt};
pub use subscription::Subscription;
pub use vendor::{Config, WebPush};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for WebPush {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for WebPush {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(WebPush: Push);
