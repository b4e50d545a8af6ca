//! Guests: core modules in `tests/guests/*.wat`, wrapped into components as the tests ask for them. No
//! guest toolchain is needed, and each file shows one behaviour.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The component of `tests/guests/NAME.wat`, as a content filter.
///
/// # Errors
/// There is no such file, or it does not fit the contract.
pub fn filter(name: &str) -> Result<Vec<u8>> {
    plugin(name, "filter")
}

/// The component of `tests/guests/NAME.wat`, as a plugin of this kind: `filter`, `agent`, `push` or `backup`.
///
/// # Errors
/// There is no such file, or it does not fit the contract.
pub fn plugin(name: &str, kind: &str) -> Result<Vec<u8>> {
    let path = root()?.join("tests/guests").join(name).with_extension("wat");
    let wat = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    component(&wat, &[], &format!("warbler:plugin/{kind}-plugin")).with_context(|| format!("{name} is no {kind}"))
}

/// The same guest, which behaves until a text of just `bytes` bytes comes: hosts have plugins answer a
/// harmless message before they let them run.
///
/// # Errors
/// There is no such file, it judges messages in another way, or it does not fit the contract.
pub fn sleeper(name: &str, bytes: u32) -> Result<Vec<u8>> {
    let check = "#check\") (param $message i32) (result i32)";
    let path = root()?.join("tests/guests").join(name).with_extension("wat");
    let wat = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (before, after) = wat.split_once(check).with_context(|| format!("{name} has no check to put to sleep"))?;
    // The text's length stands at offset 84 of a message as the canonical ABI lays it out, and zeros,
    // as they stand at address 64, read as a pass without findings.
    let asleep = format!(
        "(if (i32.ne (i32.load offset=84 (local.get $message)) (i32.const {bytes})) (then (return (i32.const 64))))"
    );
    let wat = format!("{before}{check} {asleep}{after}");
    component(&wat, &[], "warbler:plugin/filter-plugin").with_context(|| format!("{name} is no filter"))
}

/// The component of a core module in text format, for one world of the contract or of `inline`
/// packages, which may use it.
///
/// # Errors
/// The text does not parse, or the module does not fit the world.
pub fn component(wat: &str, inline: &[&str], world: &str) -> Result<Vec<u8>> {
    let mut module = wat::parse_str(wat)?;
    let mut resolve = Resolve::default();
    let (mut package, _) = resolve.push_dir(root()?.join("wit/v0.1"))?;
    for (at, text) in inline.iter().enumerate() {
        package = resolve.push_str(format!("inline-{at}.wit"), text)?;
    }
    let world = resolve.select_world(&[package], Some(world))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// The project's folder: the nearest one above the running crate that has the contract.
fn root() -> Result<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = from.ancestors().find(|folder| folder.join("wit/v0.1").is_dir());
    root.map(Path::to_path_buf).context("there is no wit/v0.1 above this crate")
}
