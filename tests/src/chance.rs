//! Chance for tests, from a seed that is printed, so that a failure can be had again.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that gives a seed again.
const SEED: &str = "WARBLER_SEED";

/// Numbers and bytes by chance (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From the seed in `WARBLER_SEED`, or from one that nobody chose; either is printed.
    #[must_use]
    pub fn seeded() -> Self {
        let given = env::var(SEED).ok().and_then(|text| text.parse().ok());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = given.unwrap_or_else(|| u64::from(since.subsec_nanos()) ^ (since.as_secs() << 20));
        println!("{SEED}={seed}");
        Self(seed)
    }

    /// The same sequence for the same number.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Bytes that do not compress.
    #[must_use]
    pub fn noise(&mut self, length: usize) -> Vec<u8> {
        let words = length.div_ceil(8);
        let mut bytes: Vec<u8> = (0..words).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}
