//! The configuration: one TOML file, one module per section. What the values do is said where they are used.

mod agents;
mod error;
mod example;
mod keys;
mod limits;
mod log;
mod mail;
mod metrics;
mod operator;
mod plugins;
mod secret;
mod sessions;
mod store;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use agents::Agents;
pub(crate) use error::ConfigError;
pub(crate) use example::{example, example_with};
pub(crate) use keys::Keys;
pub(crate) use limits::Limits;
pub(crate) use log::{Format, Log};
pub(crate) use mail::{Mail, Relay};
pub(crate) use metrics::Metrics;
pub(crate) use operator::Operator;
pub(crate) use plugins::Plugins;
pub(crate) use secret::write_secret;
pub(crate) use sessions::Sessions;
pub(crate) use store::{Durability, Store};
pub(crate) use tls::Tls;

/// Warbler's configuration. Relative paths count from the folder of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the host listens: address and port. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where everything is kept: "sled:FOLDER", or "memory" for trials, which forgets everything at the end.
    pub(crate) store: Store,
    /// "always": an acknowledged message survives a power cut. "relaxed": it survives a crash of the host,
    /// and a power cut may lose the last half second.
    pub(crate) durability: Durability,
    /// TLS. Without this section the host speaks plain HTTP, for use behind a proxy or for trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
    /// The master key, under which every tenant's key is sealed.
    pub(crate) keys: Keys,
    /// The operator, who makes tenants and trusts publishers.
    pub(crate) operator: Operator,
    /// How much of anything is allowed.
    pub(crate) limits: Limits,
    /// Plugins.
    pub(crate) plugins: Plugins,
    /// Mail that plugins send.
    pub(crate) mail: Mail,
    /// Agents.
    pub(crate) agents: Agents,
    /// Sessions of people.
    pub(crate) sessions: Sessions,
    /// The host's own log. It never holds message bodies or secrets.
    pub(crate) log: Log,
    /// Metrics for Prometheus, at /metrics.
    pub(crate) metrics: Metrics,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            store: Store::default(),
            durability: Durability::default(),
            tls: None,
            keys: Keys::default(),
            operator: Operator::default(),
            limits: Limits::default(),
            plugins: Plugins::default(),
            mail: Mail::default(),
            agents: Agents::default(),
            sessions: Sessions::default(),
            log: Log::default(),
            metrics: Metrics::default(),
        }
    }
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a key or value that does not fit.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let mut config = Self::parse(&text, &path.display().to_string())?;
        config.anchor(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads a configuration from `text`, which errors call `name`.
    ///
    /// # Errors
    /// It is not TOML, or has a key or value that does not fit.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::parse(&error, text, name))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.keys.check()?;
        self.operator.check()?;
        self.limits.check()?;
        self.plugins.check()?;
        self.mail.check()?;
        self.agents.check()?;
        self.sessions.check()?;
        self.log.check()
    }

    /// Counts relative paths from `folder`.
    fn anchor(&mut self, folder: &Path) {
        let Self { store, tls, keys, operator, plugins, mail, .. } = self;
        let paths = store
            .folder_mut()
            .into_iter()
            .chain(tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key]))
            .chain(keys.master_file.as_mut())
            .chain(operator.token_file.as_mut())
            .chain(plugins.cache.as_mut())
            .chain(plugins.trust_file.as_mut())
            .chain(plugins.folders.values_mut())
            .chain(mail.paths_mut());
        for path in paths {
            *path = folder.join(&*path);
        }
    }

    /// The folder of the compiled plugins.
    pub(crate) fn plugin_cache(&self) -> Option<PathBuf> {
        self.plugins.cache.clone().or_else(|| self.store.folder().map(|folder| folder.join("plugins")))
    }
}

/// The configuration's JSON Schema, as it is committed.
///
/// # Errors
/// Never in practice: a schema is made of strings, numbers and lists.
pub(crate) fn schema() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&schemars::schema_for!(Config)).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text, "warbler.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
        let error = refused("store = \"memory\"\n\n[limits]\nmesage_text_bytes = 10\n");
        assert!(error.contains("warbler.toml:4"), "{error}");
        assert!(error.contains("`mesage_text_bytes`") && error.contains("`message_text_bytes`"), "{error}");
    }

    #[test]
    fn an_unknown_section_is_named_with_the_nearest_known_one() {
        let error = refused("[plugin]\n");
        assert!(error.contains("warbler.toml:1") && error.contains("`plugins`"), "{error}");
    }

    #[test]
    fn a_key_that_resembles_nothing_gets_the_list_of_known_ones() {
        let error = refused("[tls]\nzzzzzzzz = 1\n");
        assert!(error.contains("`certificate`") && error.contains("`key`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_line() {
        let error = refused("\n[log]\nlevel = 7\n");
        assert!(error.contains("warbler.toml:3"), "{error}");
    }

    #[test]
    fn a_store_that_this_version_does_not_have_is_refused_in_a_sentence() {
        let error = refused("store = \"jetstream:nats://127.0.0.1:4222\"\n");
        assert!(error.contains("jetstream") && error.contains("sled:FOLDER"), "{error}");
        let error = refused("store = \"postgres:x\"\n");
        assert!(error.contains("postgres") && error.contains("sled:FOLDER"), "{error}");
    }

    #[test]
    fn limits_have_a_range() {
        let error = refused("[limits]\nmessage_text_bytes = 0\n");
        assert!(error.contains("limits.message_text_bytes"), "{error}");
    }

    #[test]
    fn the_committed_schema_is_up_to_date() {
        up_to_date("warbler.schema.json", &schema().unwrap());
    }

    #[test]
    fn the_committed_example_is_up_to_date_and_says_what_the_defaults_say() {
        up_to_date("warbler.example.toml", &example().unwrap());
        let parsed = Config::parse(&example().unwrap(), "example").unwrap();
        assert_eq!(parsed, Config::default());
    }

    #[test]
    fn every_key_of_the_schema_is_in_the_example_with_its_description() {
        let text = example().unwrap();
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        for (_, section) in schema["$defs"].as_object().unwrap() {
            let Some(fields) = section["properties"].as_object() else { continue };
            for (name, field) in fields {
                let shown = [format!("{name} = "), format!(".{name}]"), format!(".{name}.")];
                assert!(shown.iter().any(|shown| text.contains(shown)), "{name} is not in the example");
                assert!(field["description"].is_string(), "{name} has no description");
            }
        }
    }

    fn up_to_date(name: &str, generated: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == generated, "host/server/{name} is out of date: run `UPDATE=1 cargo test -p warbler`");
    }
}
