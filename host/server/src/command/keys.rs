//! `warbler keys`: the master key.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use warbler_store::{MasterKey, Store};

use crate::config::{Config, write_secret};
use crate::{print, wiring};

/// The master key.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Wrap every tenant's key under a new master key. The host must not be running: the key never travels.
    Rotate {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The new file for the new key; point `keys.master_file` to it afterwards.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

impl Keys {
    /// Does what was asked.
    ///
    /// # Errors
    /// The store is in use or does not open, or the new key cannot be written. Then the old key still holds.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Rotate { config, to } = self;
        let config = Config::load(&config)?;
        let new = MasterKey::generate().context("the system's random source failed")?;
        // Opened first, so that nothing is written while a host runs; written before it is used, so that
        // nothing is ever sealed under a key that is not on disk.
        let store = Store::open(&wiring::store_options(&config)?).context("the store does not open")?;
        write_secret(&to, &new.to_hex()).with_context(|| format!("cannot write {}", to.display()))?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let rotated = store.rotate_master(new).await;
            store.close().await;
            rotated
        })?;
        print::line(&format!(
            "the new master key is in {}: point keys.master_file to it, and destroy the old one",
            to.display()
        ));
        Ok(())
    }
}
