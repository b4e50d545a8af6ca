//! Errors of the configuration: they name the file, the line, the key, and the nearest known one.

use std::path::PathBuf;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML, or has a key or a value that does not fit.
    #[error("{place}: {text}")]
    Parse {
        /// The file and the line.
        place: String,
        /// What is wrong.
        text: String,
    },
    /// A value is out of its range, or two do not go together.
    #[error("{key}: {text}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong.
        text: String,
    },
    /// A secret that the configuration points to cannot be had.
    #[error("{key}: {text}")]
    Secret {
        /// Which key.
        key: &'static str,
        /// What is wrong, without the secret.
        text: String,
    },
}

impl ConfigError {
    /// Whether reading again may succeed without a change.
    #[allow(dead_code)] // Every error type of the host answers this.
    pub(crate) const fn is_transient(&self) -> bool {
        // A file that cannot be read may be about to be mounted.
        matches!(self, Self::Unreadable { .. })
    }

    /// What `toml` found wrong with `text`, which is called `name`.
    pub(super) fn parse(error: &toml::de::Error, text: &str, name: &str) -> Self {
        let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
        let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
        Self::Parse { place, text: suggest(error.message()) }
    }
}

/// The message, with the nearest known key in place of all of them where one is near.
fn suggest(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let mut names = rest.split('`').step_by(2);
    let Some(unknown) = names.next() else { return message.to_owned() };
    let nearest = names
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, known)) => format!("unknown key `{unknown}`, did you mean `{known}`?"),
        None => message.replacen("field", "key", 1),
    }
}

/// Refuses a number outside its range.
pub(super) fn range(key: &'static str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Value { key, text: format!("{value} is not between {least} and {most}") })
}
