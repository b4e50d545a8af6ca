//! Apple's push service (APNs) with token authentication. Certificates are not supported.

mod vendor;

pub use vendor::{Apns, Config};

use warbler_push_kit::deliver;
use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};

impl Plugin for Apns {
    fn init(config: &str) -> Result<Self, String> {
        Self::new(warbler_sdk::config::parse(config)?)
    }
}

impl Push for Apns {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        deliver(self, batch)
    }
}

warbler_sdk::export!(Apns: Push);
