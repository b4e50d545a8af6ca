//! Word lists that the tenant or the host keeps, matched over normalised text. Permission `lexicons`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::lexicons as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::lexicons as host;

pub use crate::bindings::imports::warbler::plugin::lexicons::Hit;

/// Hits of the lists named, in order of their start, at most 1,000. Offsets are into `text` as it is.
///
/// # Errors
/// A sentence that names the list, if there is none of that name.
pub fn find(lists: &[String], text: &str) -> Result<Vec<Hit>, String> {
    host::find(lists, text)
}
