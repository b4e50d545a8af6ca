//! Xiaomi's push service (小米推送), messages to registration ids.

mod vendor;

pub use vendor::{Config, Xiaomi};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for Xiaomi {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for Xiaomi {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(Xiaomi: Push);
