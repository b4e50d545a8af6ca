//! Honor's push service (荣耀推送), messages to tokens.

mod vendor;

pub use vendor::{Config, Honor};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for Honor {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for Honor {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(Honor: Push);
