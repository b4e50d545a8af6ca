//! Lines for the tenant's plugin log, which the host rate-limits. Always there.
//!
//! ```
//! use warbler_sdk::log;
//! log::warn!("{} words are empty", 3);
//! ```

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::log as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::log as host;

pub use crate::bindings::imports::warbler::plugin::log::Level;

/// Writes one line.
pub fn write(level: Level, text: &str) {
    host::write(level, text);
}

/// Writes a line for the plugin's author, formatted like `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($argument)+)) };
}

/// Writes a line for whoever looks, formatted like `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($argument)+)) };
}

/// Writes a line that says that something is off, formatted like `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($argument)+)) };
}

/// Writes a line that says that something is wrong, formatted like `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($argument)+)) };
}

#[doc(inline)]
pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};
