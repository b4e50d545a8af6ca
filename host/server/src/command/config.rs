//! `warbler config`: checking a file, and printing the schema and the documented example.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{config, print};

/// The configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check a configuration file, and the secrets and certificate that it points to.
    Check {
        /// The file.
        #[arg(long, default_value = "warbler.toml")]
        config: PathBuf,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the configuration with every key, its description and its default.
    Example,
}

impl Config {
    /// Does what was asked.
    ///
    /// # Errors
    /// The configuration cannot be used as it is.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check { config: path } => {
                let config = config::Config::load(&path)?;
                config.keys.master()?;
                config.operator.token()?;
                if let Some(tls) = &config.tls {
                    crate::tls::Certificate::load(tls)?;
                }
                crate::wiring::relays(&config)?;
                print::line(&format!("{} is in order", path.display()));
            }
            Self::Schema => print::line(config::schema()?.trim_end()),
            Self::Example => print::line(config::example()?.trim_end()),
        }
        Ok(())
    }
}
