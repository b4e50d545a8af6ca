//! Core module to component, and the standard metadata sections
//! (<https://github.com/WebAssembly/tool-conventions>).

use anyhow::{Context, Result};
use wasm_metadata::{AddMetadata, AddMetadataField, Authors, Description, Homepage, Licenses, Source, Version};
use wit_component::ComponentEncoder;

use crate::project::{Language, Project};

/// The component of a core module that carries wit-bindgen's description of itself. Imports that the
/// module does not call are left out.
pub(super) fn from_module(module: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module)?;
    encoder.encode()
}

/// The component with name, version, description, authors, licence, source and homepage as the
/// project's own file says them.
pub(super) fn with_metadata(component: &[u8], project: &Project) -> Result<Vec<u8>> {
    let about = &project.about;
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(about.name.clone());
    metadata.version = AddMetadataField::Set(Version::new(about.version.clone()));
    metadata.processed_by = vec![("warbler-plugin".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    metadata.language = match project.language {
        // The compiler says it itself.
        Language::Rust => Vec::new(),
        Language::Js => vec![("JavaScript".to_owned(), String::new())],
        Language::Python => vec![("Python".to_owned(), String::new())],
    };
    if let Some(description) = &about.description {
        metadata.description = AddMetadataField::Set(Description::new(description.clone()));
    }
    if !about.authors.is_empty() {
        metadata.authors = AddMetadataField::Set(Authors::new(about.authors.join(", ")));
    }
    if let Some(license) = &about.license {
        let license = Licenses::new(license).with_context(|| format!("{license:?} is no SPDX licence"))?;
        metadata.licenses = AddMetadataField::Set(license);
    }
    if let Some(source) = &about.source {
        let source = Source::new(source).with_context(|| format!("the source {source:?} is no address"))?;
        metadata.source = AddMetadataField::Set(source);
    }
    if let Some(homepage) = &about.homepage {
        let homepage = Homepage::new(homepage).with_context(|| format!("the homepage {homepage:?} is no address"))?;
        metadata.homepage = AddMetadataField::Set(homepage);
    }
    metadata.to_wasm(component).context("the metadata cannot be put into the component")
}
