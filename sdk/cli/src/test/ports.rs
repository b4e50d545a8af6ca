//! What a plugin under test is lent: everything in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use warbler_domain::{LexiconHit, Lexicons, LogLevel, PluginLog, PluginStorage, SecretSource, StorageError};
use warbler_text::MessageLexicons;

/// Lines that the plugin wrote.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Mutex<Vec<String>>,
}

impl Log {
    /// The lines written since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PluginLog for Log {
    fn write(&self, level: LogLevel, text: &str) {
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level}: {text}"));
    }
}

/// A key-value store that ends with the program.
#[derive(Debug, Default)]
pub(super) struct Storage {
    values: Mutex<BTreeMap<String, Bytes>>,
}

impl Storage {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> T {
        work(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl PluginStorage for Storage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        Ok(self.with(|values| values.get(key).cloned()))
    }

    async fn set(&self, key: &str, value: Bytes, quota: u64) -> Result<(), StorageError> {
        self.with(|values| {
            let others = values.iter().filter(|(other, _)| *other != key).map(|(key, value)| key.len() + value.len());
            let used = others.sum::<usize>() + key.len() + value.len();
            if u64::try_from(used).unwrap_or(u64::MAX) > quota {
                return Err(StorageError::OverQuota { limit: quota });
            }
            values.insert(key.to_owned(), value);
            Ok(())
        })
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.with(|values| values.remove(key));
        Ok(())
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StorageError> {
        Ok(self.with(|values| {
            let keys = values.keys().filter(|key| key.starts_with(prefix));
            keys.filter(|key| after.is_none_or(|after| key.as_str() > after)).take(limit).cloned().collect()
        }))
    }
}

/// The secrets that a case gives.
#[derive(Debug, Default)]
pub(super) struct Secrets(pub(super) BTreeMap<String, String>);

#[async_trait]
impl SecretSource for Secrets {
    async fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// The word lists beside one message, matched by the code that the host uses.
pub(super) struct Lists(pub(super) Arc<MessageLexicons>);

impl Lexicons for Lists {
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String> {
        let hits = self.0.find(lists, text).map_err(|error| error.to_string())?;
        let hit = |hit: warbler_text::Hit| LexiconHit {
            word: hit.word.to_string(),
            category: hit.category.to_string(),
            start: hit.start,
            end: hit.end,
        };
        Ok(hits.into_iter().map(hit).collect())
    }
}
