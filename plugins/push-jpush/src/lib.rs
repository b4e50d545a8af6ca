//! `JPush` (极光推送), its REST interface v3. Tags and aliases are not used.

mod vendor;

pub use vendor::{Config, JPush};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for JPush {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for JPush {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(JPush: Push);
