//! `log`: lines for the tenant's plugin log.

use warbler_domain::LogLevel;

use crate::bindings::warbler::plugin::log::{Host, Level};
use crate::state::GuestState;

impl Host for GuestState {
    fn write(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.lent.log.plugin(level, &text);
        Ok(())
    }
}

impl crate::bindings::warbler::plugin::types::Host for GuestState {}
