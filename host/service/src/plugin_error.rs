//! Why a plugin was not installed, changed or started: at which step, and under which stable code.

use std::fmt;

use serde::Serialize;
use warbler_domain::{HookError, LoadError, with_causes};
use warbler_package::PackageError;

/// A step on a plugin's way into the chain. Each is taken only after all before it succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Signatures, trust, revocations, expiry, the host's version, and no older version than installed.
    Verify,
    /// What the component exports and imports, against its manifest.
    Probe,
    /// The configuration, against the manifest's JSON Schema.
    Configuration,
    /// What it imports, against what was granted.
    Grants,
    /// Compiling, apart from live traffic.
    Compile,
    /// A trial instance.
    Instantiate,
    /// Its `init`, with the configuration.
    Init,
    /// A harmless message, which it has to answer.
    SelfTest,
    /// Into the chain, at once for all messages that come after.
    Switch,
}

impl Step {
    /// Its stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Probe => "probe",
            Self::Configuration => "configuration",
            Self::Grants => "grants",
            Self::Compile => "compile",
            Self::Instantiate => "instantiate",
            Self::Init => "init",
            Self::SelfTest => "self-test",
            Self::Switch => "switch",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something in a configuration that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong. Values are left out, since they may be secrets.
    pub text: String,
}

/// Why a plugin was refused. Live traffic is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// A step failed.
    #[error("{step}: {text}")]
    Refused {
        /// Which.
        step: Step,
        /// A stable code for programs: that of the package's, the runtime's or the host's refusal.
        code: &'static str,
        /// A sentence for people.
        text: String,
        /// Whether the same may succeed later.
        transient: bool,
    },
    /// The configuration does not fit the manifest's schema.
    #[error("configuration: {}", summary(problems))]
    Config {
        /// What does not fit, at most 20 places.
        problems: Vec<ConfigProblem>,
    },
}

impl PluginError {
    /// At which step.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Refused { step, .. } => *step,
            Self::Config { .. } => Step::Configuration,
        }
    }

    /// A stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Config { .. } => "configuration-invalid",
        }
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Refused { transient, .. } => *transient,
            Self::Config { .. } => false,
        }
    }

    pub(crate) fn refused(step: Step, code: &'static str, text: impl Into<String>) -> Self {
        Self::Refused { step, code, text: text.into(), transient: false }
    }

    pub(crate) fn self_test(error: &HookError) -> Self {
        let text = format!("the plugin did not answer a harmless message: {}", with_causes(error));
        Self::Refused { step: Step::SelfTest, code: error.code(), text, transient: error.is_transient() }
    }
}

impl From<PackageError> for PluginError {
    fn from(error: PackageError) -> Self {
        let step = match &error {
            PackageError::NotAComponent { .. }
            | PackageError::Truncated { .. }
            | PackageError::Malformed { .. }
            | PackageError::ManifestMissing
            | PackageError::ManifestRepeated { .. }
            | PackageError::ManifestInvalid { .. }
            | PackageError::ManifestMismatch { .. }
            | PackageError::LifecycleMissing
            | PackageError::UnknownImport { .. }
            | PackageError::UnknownExport { .. }
            | PackageError::ImportNotAsked { .. } => Step::Probe,
            PackageError::ImportNotGranted { .. } => Step::Grants,
            _ => Step::Verify,
        };
        Self::Refused { step, code: error.code(), text: with_causes(&error), transient: error.is_transient() }
    }
}

impl From<LoadError> for PluginError {
    fn from(error: LoadError) -> Self {
        let step = match &error {
            LoadError::NoHook => Step::Probe,
            LoadError::Link { .. } => Step::Grants,
            LoadError::Instantiate { .. } => Step::Instantiate,
            LoadError::InitRefused { .. } | LoadError::InitFailed(_) => Step::Init,
            _ => Step::Compile,
        };
        Self::Refused { step, code: error.code(), text: with_causes(&error), transient: error.is_transient() }
    }
}

fn summary(problems: &[ConfigProblem]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("{:?} {}", problem.pointer, problem.text)).collect();
    lines.join("; ")
}
