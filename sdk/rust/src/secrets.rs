//! Values that an admin stored under the names in the manifest. Permission `secrets`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::secrets as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::secrets as host;

/// The secret called `name`. To send one in a header, write `{{secret:NAME}}` there instead: then
/// the host puts it in, and the plugin never holds it.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    host::get(name)
}
