//! Looking into a component: its top-level sections, imports and exports. What they mean to the
//! plugin contract is decided elsewhere; function bodies are left to the host's compiler.

use std::ops::Range;

use wasmparser::{BinaryReaderError, Chunk, ComponentExternalKind, Parser, Payload, Validator, WasmFeatures};

use crate::{MANIFEST_SECTION, PackageError};

/// What can be seen of a component without running it.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    /// Names of everything it imports.
    pub(crate) imports: Vec<String>,
    /// Names of the instances that it exports.
    pub(crate) exports: Vec<String>,
    /// Contents of the manifest sections at its top level.
    pub(crate) manifests: Vec<&'a [u8]>,
    /// Where these sections are, headers included.
    pub(crate) manifest_ranges: Vec<Range<usize>>,
}

/// Looks through the component in `bytes`; everything but function bodies is validated.
///
/// # Errors
/// `NotAComponent`, `Truncated` or `Malformed`.
pub(crate) fn outline(bytes: &[u8]) -> Result<Outline<'_>, PackageError> {
    check_header(bytes)?;
    let truncated = || PackageError::Truncated { size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) };
    let mut validator = Validator::new();
    let mut parser = Parser::new(0);
    // Parser and validator have to agree about the proposals that are in force.
    parser.set_features(WasmFeatures::default());
    let mut outer: Vec<Parser> = Vec::new();
    let mut found = Outline::default();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let (consumed, payload) = match parser.parse(rest, rest.is_empty()).map_err(malformed)? {
            Chunk::NeedMoreData(_) => return Err(truncated()),
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        let section = at..at + consumed;
        at = section.end;
        validator.payload(&payload).map_err(malformed)?;
        if outer.is_empty() {
            found.note(&payload, section)?;
        }
        match payload {
            Payload::ModuleSection { parser: inner, unchecked_range }
            | Payload::ComponentSection { parser: inner, unchecked_range } => {
                if unchecked_range.end > bytes.len() {
                    return Err(truncated());
                }
                outer.push(std::mem::replace(&mut parser, inner));
            }
            Payload::End(_) => match outer.pop() {
                Some(enclosing) => parser = enclosing,
                None => return Ok(found),
            },
            _ => {}
        }
    }
}

impl<'a> Outline<'a> {
    fn note(&mut self, payload: &Payload<'a>, section: Range<usize>) -> Result<(), PackageError> {
        match payload {
            Payload::CustomSection(custom) if custom.name() == MANIFEST_SECTION => {
                self.manifests.push(custom.data());
                self.manifest_ranges.push(section);
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    let import = import.map_err(malformed)?;
                    self.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Tells components from core modules, other files and pieces too short to tell.
fn check_header(bytes: &[u8]) -> Result<(), PackageError> {
    const MAGIC: &[u8; 4] = b"\0asm";
    let found = match bytes.get(..8) {
        None if bytes.is_empty() => "an empty file",
        None if MAGIC.starts_with(bytes) || bytes.starts_with(MAGIC) => {
            return Err(PackageError::Truncated { size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) });
        }
        Some(_) if Parser::is_component(bytes) => return Ok(()),
        Some(_) if Parser::is_core_wasm(bytes) => "a core module",
        Some(header) if header.starts_with(MAGIC) => "WebAssembly of another version",
        _ => "some other file",
    };
    Err(PackageError::NotAComponent { found })
}

fn malformed(source: BinaryReaderError) -> PackageError {
    PackageError::Malformed { offset: source.offset(), source }
}
