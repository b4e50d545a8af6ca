//! `secrets`: values by name, as far as they were granted.

use crate::bindings::warbler::plugin::secrets::Host;
use crate::state::GuestState;

impl Host for GuestState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.waits();
        if !self.lent.grants.secrets.contains(&name) {
            return Ok(None);
        }
        Ok(self.lent.secrets.get(&name).await)
    }
}
