//! Firebase Cloud Messaging, its HTTP v1 interface. Topics and device groups are not used.

mod vendor;

pub use vendor::{Config, Fcm};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for Fcm {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for Fcm {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(Fcm: Push);
