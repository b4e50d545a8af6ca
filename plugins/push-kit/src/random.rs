//! The host's randomness, for the libraries that sign and encrypt.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use warbler_sdk::system;

/// The most that the host gives at once, in bytes.
const MOST: usize = 64 << 10;

/// Randomness of the host, fetched ahead so that not each key costs a call.
#[derive(Default)]
pub struct HostRandom {
    ahead: Vec<u8>,
}

impl HostRandom {
    /// With `bytes` fetched ahead.
    #[must_use]
    pub fn ahead(bytes: usize) -> Self {
        Self { ahead: from_host(bytes) }
    }
}

impl TryRng for HostRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, places: &mut [u8]) -> Result<(), Infallible> {
        if self.ahead.len() < places.len() {
            self.ahead = from_host(places.len());
        }
        // What was used must not be used again.
        let rest = self.ahead.len().saturating_sub(places.len());
        for (place, byte) in places.iter_mut().zip(self.ahead.drain(rest..)) {
            *place = byte;
        }
        Ok(())
    }
}

impl TryCryptoRng for HostRandom {}

fn from_host(bytes: usize) -> Vec<u8> {
    let mut random = Vec::with_capacity(bytes);
    while random.len() < bytes {
        let asked = (bytes - random.len()).min(MOST);
        random.extend(system::random(u32::try_from(asked).unwrap_or(0)));
    }
    random
}

#[cfg(test)]
mod tests {
    use rand_core::Rng;
    use warbler_sdk::testing::Host;

    use super::*;

    #[test]
    fn no_byte_is_given_twice() {
        let _host = Host::new().start();
        let mut random = HostRandom::ahead(16);
        let (mut first, mut second) = ([0; 8], [0; 8]);
        random.fill_bytes(&mut first);
        random.fill_bytes(&mut second);
        assert!(first.iter().all(|byte| !second.contains(byte)), "{first:?} {second:?}");
    }

    #[test]
    fn more_than_the_host_gives_at_once_is_fetched_in_parts() {
        let _host = Host::new().start();
        assert_eq!(from_host(MOST + 1).len(), MOST + 1);
    }
}
