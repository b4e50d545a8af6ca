//! Hooks: the traits that plugins fulfil, and what a call is lent.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Decision, HookError, Submission};

/// Which hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookKind {
    /// Before the commit: decides what happens to a message.
    ContentFilter,
    /// After it: answers as a member of the conversation.
    Agent,
    /// After it, for receivers who are away.
    Push,
    /// Keeps encrypted blobs.
    BackupSink,
}

/// A word found in a text, as UTF-8 byte offsets into the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LexiconHit {
    /// The word as the list has it.
    pub word: String,
    /// Its category.
    pub category: String,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The word lists of one tenant and the host, over text that is normalised once per message.
pub trait Lexicons: Send + Sync {
    /// Hits of the lists named, in order of their start, at most 1,000.
    ///
    /// # Errors
    /// A sentence that names the list, if there is none of that name.
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String>;
}

/// No lists at all.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoLexicons;

impl Lexicons for NoLexicons {
    fn find(&self, lists: &[String], _text: &str) -> Result<Vec<LexiconHit>, String> {
        lists.first().map_or_else(|| Ok(Vec::new()), |name| Err(format!("there is no word list {name:?}")))
    }
}

/// What one call of a hook is lent beside its input.
#[derive(Clone)]
pub struct HookContext {
    /// Word lists, for plugins that were granted them.
    pub lexicons: Arc<dyn Lexicons>,
}

/// Decides what happens to a message before it is committed.
#[async_trait]
pub trait ContentFilter: Send + Sync {
    /// Judges `message`. Dropping the future cancels the call.
    ///
    /// # Errors
    /// The plugin overran a limit, trapped, or said that it could not serve the message.
    async fn check(&self, message: &Submission, context: &HookContext) -> Result<Decision, HookError>;
}
