//! Writing a manifest into a component.

use wasm_encoder::{ComponentSection, CustomSection};

use crate::{Limits, MANIFEST_SECTION, Manifest, PackageError, component::outline};

/// The component with `manifest` as its last section, in place of any that it had. Every other byte
/// stays as it is, so that a signature made before no longer holds, and names and sources remain.
///
/// # Errors
/// `NotAComponent`, `Truncated` or `Malformed` by the component; `ManifestInvalid` or `TooLarge` by
/// the manifest, under the default limits.
pub fn embed_manifest(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
    let json = manifest.to_json()?;
    Manifest::parse(&json, &Limits::default())?;
    let mut bytes = Vec::with_capacity(component.len() + json.len() + 32);
    let mut kept = 0;
    for range in outline(component)?.manifest_ranges {
        bytes.extend_from_slice(component.get(kept..range.start).unwrap_or_default());
        kept = range.end;
    }
    bytes.extend_from_slice(component.get(kept..).unwrap_or_default());
    CustomSection { name: MANIFEST_SECTION.into(), data: json.into() }.append_to_component(&mut bytes);
    Ok(bytes)
}
