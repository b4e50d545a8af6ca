//! The probe: which hooks a component exports, and whether all that it imports was granted.

use warbler_domain::{Grants, HookKind, LoadError};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The hooks, and the interface that each is found by. wasmtime finds compatible later versions too.
const HOOKS: [(HookKind, &str); 4] = [
    (HookKind::ContentFilter, "warbler:plugin/content-filter@0.1.0"),
    (HookKind::Agent, "warbler:plugin/agent@0.1.0"),
    (HookKind::Push, "warbler:plugin/push@0.1.0"),
    (HookKind::BackupSink, "warbler:plugin/backup-sink@0.1.0"),
];

const LIFECYCLE: &str = "warbler:plugin/lifecycle@0.1.0";

/// The hooks that `component` exports.
pub(crate) fn hooks(component: &Component) -> Result<Vec<HookKind>, LoadError> {
    let exports = |name: &str| component.get_export_index(None, name).is_some();
    let hooks: Vec<_> = HOOKS.iter().filter(|(_, name)| exports(name)).map(|(kind, _)| *kind).collect();
    if hooks.is_empty() {
        return Err(LoadError::NoHook);
    }
    if !exports(LIFECYCLE) {
        return Err(LoadError::Instantiate { text: format!("the component does not export {LIFECYCLE}") });
    }
    Ok(hooks)
}

/// Checks that all imports of `component` were granted, and says whether it imports WASI.
pub(crate) fn imports(engine: &Engine, component: &Component, grants: &Grants) -> Result<bool, LoadError> {
    let mut wasi = false;
    for (name, _) in component.component_type().imports(engine) {
        wasi |= name.starts_with("wasi:");
        import(name, grants).map_err(|why| LoadError::Link { text: format!("{name} {why}") })?;
    }
    Ok(wasi)
}

fn import(name: &str, grants: &Grants) -> Result<(), &'static str> {
    const NOT_GRANTED: &str = "was not granted";
    const NOT_HERE: &str = "is not something that this version of the host offers";
    if name.starts_with("wasi:") {
        return Ok(());
    }
    let granted = match name.strip_prefix("warbler:plugin/").and_then(|name| name.split('@').next()) {
        Some("types" | "log" | "system") => true,
        Some("storage") => grants.storage_quota.is_some(),
        Some("secrets") => !grants.secrets.is_empty(),
        Some("http") => !grants.http.is_empty(),
        Some("folders") => !grants.folders.is_empty(),
        Some("mail") => !grants.mail.is_empty(),
        Some("lexicons") => grants.lexicons,
        Some("models") => grants.models,
        Some("conversation") => grants.conversation,
        _ => return Err(NOT_HERE),
    };
    if granted { Ok(()) } else { Err(NOT_GRANTED) }
}
