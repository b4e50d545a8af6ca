//! `system`: time and randomness.

use crate::bindings::warbler::plugin::system::{Host, Timestamp};
use crate::state::GuestState;
use crate::wasi::RANDOM_BYTES;

impl Host for GuestState {
    fn now(&mut self) -> wasmtime::Result<Timestamp> {
        self.asked = true;
        Ok(self.lent.clock.now().as_millis())
    }

    fn random(&mut self, bytes: u32) -> wasmtime::Result<Vec<u8>> {
        self.asked = true;
        if bytes > RANDOM_BYTES {
            wasmtime::bail!("it asked for {bytes} random bytes at once, and {RANDOM_BYTES} are the most");
        }
        let mut random = vec![0; bytes as usize];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| wasmtime::format_err!("the host has no random bytes"))?;
        Ok(random)
    }
}
