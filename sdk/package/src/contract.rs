//! The plugin contract's interface names: which are known, and which need a permission.

use semver::Version;

use crate::{Hook, PackageError, Permission, Permissions, text::shortened};

/// The interfaces of `warbler:plugin@0.1` that a host offers, with the permission that each needs.
const OFFERED: [(&str, Option<Permission>); 12] = [
    ("types", None),
    ("log", None),
    ("system", None),
    ("storage", Some(Permission::Storage)),
    ("secrets", Some(Permission::Secrets)),
    ("lexicons", Some(Permission::Lexicons)),
    ("http", Some(Permission::Http)),
    ("folders", Some(Permission::Folders)),
    ("mail", Some(Permission::Mail)),
    ("models", Some(Permission::Models)),
    ("conversation", Some(Permission::Conversation)),
    ("attachments", Some(Permission::Attachments)),
];

/// The WASI 0.2 packages that guests of other languages may import. The host puts nothing behind
/// files and sockets, but language runtimes import them all the same.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// An interface name, taken apart: `warbler:plugin/storage@0.1.0`.
struct InterfaceName<'a> {
    namespace: &'a str,
    package: &'a str,
    interface: &'a str,
    version: Version,
}

impl<'a> InterfaceName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = name.split_once('@')?;
        let (package, interface) = path.split_once('/')?;
        let (namespace, package) = package.split_once(':')?;
        Some(Self { namespace, package, interface, version: Version::parse(version).ok()? })
    }

    fn is_plugin(&self) -> bool {
        self.namespace == "warbler" && self.package == "plugin"
    }

    /// Within one minor version, interfaces only grow; a host fits every patch version.
    fn is_of(&self, major: u64, minor: u64) -> bool {
        self.version.major == major && self.version.minor == minor && self.version.pre.is_empty()
    }
}

/// The permission that importing `name` needs, if any.
///
/// # Errors
/// `UnknownImport` if no host of this contract offers it.
pub(crate) fn permission_for(name: &str) -> Result<Option<Permission>, PackageError> {
    let unknown = || PackageError::UnknownImport { name: shortened(name) };
    let parsed = InterfaceName::parse(name).ok_or_else(unknown)?;
    if parsed.namespace == "wasi" && parsed.is_of(0, 2) && WASI.contains(&parsed.package) {
        return Ok(None);
    }
    if !parsed.is_plugin() || !parsed.is_of(0, 1) {
        return Err(unknown());
    }
    OFFERED
        .iter()
        .find(|(interface, _)| *interface == parsed.interface)
        .map(|(_, permission)| *permission)
        .ok_or_else(unknown)
}

/// The hooks among a component's exported instances, in the contract's order.
///
/// # Errors
/// `UnknownExport` for an interface of the contract that is neither a hook nor `lifecycle` of 0.1;
/// `LifecycleMissing` without `lifecycle`.
pub(crate) fn hooks_of(exports: &[String]) -> Result<Vec<Hook>, PackageError> {
    let mut hooks = Vec::new();
    let mut lifecycle = false;
    for name in exports {
        let Some(parsed) = InterfaceName::parse(name).filter(InterfaceName::is_plugin) else {
            continue;
        };
        let hook = Hook::ALL.into_iter().find(|hook| hook.as_str() == parsed.interface);
        match hook {
            Some(hook) if parsed.is_of(0, 1) => hooks.push(hook),
            None if parsed.is_of(0, 1) && parsed.interface == "lifecycle" => lifecycle = true,
            _ => {
                return Err(PackageError::UnknownExport { name: shortened(name) });
            }
        }
    }
    if !lifecycle {
        return Err(PackageError::LifecycleMissing);
    }
    hooks.sort_unstable();
    hooks.dedup();
    Ok(hooks)
}

/// The first of `imports` whose permission is not in `permissions`.
///
/// # Errors
/// `UnknownImport` if no host of this contract offers one of them.
pub(crate) fn first_without<'a>(
    imports: &'a [String],
    permissions: &Permissions,
) -> Result<Option<(&'a str, Permission)>, PackageError> {
    for name in imports {
        if let Some(permission) = permission_for(name)?
            && !permissions.has(permission)
        {
            return Ok(Some((name, permission)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::path::Path;

    use super::{Hook, hooks_of, permission_for};
    use crate::Permission;

    #[test]
    fn every_interface_of_the_contract_is_known_here() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(&folder).unwrap();
        for name in resolve.packages[package].interfaces.keys() {
            let full = format!("warbler:plugin/{name}@0.1.0");
            let exported = hooks_of(std::slice::from_ref(&full));
            let is_hook = Hook::ALL.iter().any(|hook| hook.as_str() == name) || name == "lifecycle";
            let refused_as_unknown = matches!(exported, Err(crate::PackageError::UnknownExport { .. }));
            assert_eq!(refused_as_unknown, !is_hook, "{full} as an export");
            assert_eq!(permission_for(&full).is_ok(), !is_hook, "{full} as an import");
        }
    }

    #[test]
    fn a_patch_version_is_known_and_another_minor_or_a_prerelease_is_not() {
        let storage = Some(Permission::Storage);
        assert_eq!(permission_for("warbler:plugin/storage@0.1.7").unwrap(), storage);
        for name in [
            "warbler:plugin/storage@0.2.0",
            "warbler:plugin/storage@0.1.0-rc.1",
            "warbler:plugin/storage",
            "warbler:plugin/nothing@0.1.0",
            "warbler:other/storage@0.1.0",
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:io/poll@0.3.0",
            "run",
        ] {
            assert_eq!(permission_for(name).unwrap_err().code(), "unknown-import", "{name}");
        }
        assert_eq!(permission_for("wasi:io/poll@0.2.6").unwrap(), None);
    }
}
