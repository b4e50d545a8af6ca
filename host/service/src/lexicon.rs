//! Word lists: each tenant's own, beside the built-in ones that the host offers as `builtin-CATEGORY`.
//! They are kept sealed, compiled apart from the async threads, and swapped while messages flow: each
//! message is checked against one whole set. What a hit means is the filters' affair.
//!
//! Callers need `Right::ManageLexicons` to change lists and `Right::SeePlugins` to see them.

mod kept;
mod sets;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use warbler_domain::{Clock, Right, StateWrite, TenantId, TenantScope, Timestamp, UserId};
use warbler_text::{Entry, Lexicon, LexiconError, LexiconSet, ListFormat, read_list};

use crate::audit::{Actor, Audit, NewEntry};
use crate::plugin_author::{Author, apart};
use crate::ports::{Ports, Tasks};
use crate::{Caller, ServiceError};
pub(crate) use kept::BackedUpList;
use kept::{Kept, Meta};
pub(crate) use sets::LexiconSets;

/// Most lists of one tenant. A list holds up to 200,000 words, so that few are ever needed.
const LISTS: usize = 64;

/// What a list's name may not begin with, since the host's own do.
const BUILT_IN: &str = "builtin-";

/// A word list, without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WordList {
    /// Its name.
    pub name: String,
    /// How many words it has; nothing for the host's own.
    pub words: Option<usize>,
    /// Whether it is one of the host's own, which cannot be changed.
    pub built_in: bool,
    /// When it last changed; nothing for the host's own.
    pub changed_at: Option<Timestamp>,
    /// Who changed it last.
    pub changed_by: Option<UserId>,
}

/// The word lists of all tenants.
#[derive(Clone)]
pub struct WordLists {
    inner: Arc<Inner>,
}

struct Inner {
    kept: Kept,
    audit: Audit,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    sets: LexiconSets,
    /// One change at a time per tenant.
    changes: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for WordLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WordLists")
    }
}

impl WordLists {
    /// Lists that are kept in the state and put into `sets`.
    pub(crate) fn new(ports: &Ports, audit: Audit, tasks: Tasks, sets: LexiconSets) -> Self {
        let kept = Kept::new(Arc::clone(&ports.state));
        let clock = Arc::clone(&ports.clock);
        Self { inner: Arc::new(Inner { kept, audit, clock, tasks, sets, changes: Mutex::default() }) }
    }

    /// Reads and compiles the lists of one tenant, at start. A list that cannot be read is left out and
    /// reported: filters that ask for it get an error, and their failure policy decides.
    pub(crate) async fn load(&self, tenant: TenantId) {
        let scope = TenantScope::own_work(tenant);
        let metas = match self.inner.kept.metas(&scope).await {
            Ok(metas) => metas,
            Err(error) => {
                tracing::error!(%tenant, %error, "the tenant's word lists could not be read");
                return;
            }
        };
        if metas.is_empty() {
            return;
        }
        let mut set = LexiconSet::new();
        for (meta, _) in metas {
            match self.open(&scope, &meta).await {
                Ok(list) => set = set.with_list(list),
                Err(error) => tracing::error!(%tenant, list = meta.name, %error, "a word list could not be loaded"),
            }
        }
        self.inner.sets.put(tenant, set);
    }

    /// Forgets a removed tenant's lists.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.inner.sets.forget(tenant);
        self.inner.changes.lock().remove(&tenant);
    }

    async fn open(&self, scope: &TenantScope, meta: &Meta) -> Result<Arc<Lexicon>, ServiceError> {
        let entries = self.inner.kept.entries(scope, meta).await?;
        compile(meta.name.clone(), entries).await
    }

    /// All lists: the tenant's own by name, then the host's own.
    ///
    /// # Errors
    /// The caller may not see them, or the store failed.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<WordList>, ServiceError> {
        caller.require(Right::SeePlugins)?;
        let metas = self.inner.kept.metas(caller.scope()).await?;
        let mut lists: Vec<WordList> = metas.into_iter().map(|(meta, _)| meta.into()).collect();
        lists.sort_by(|one, other| one.name.cmp(&other.name));
        let built_in = LexiconSet::new();
        lists.extend(built_in.names().map(|name| WordList {
            name: name.to_owned(),
            words: None,
            built_in: true,
            changed_at: None,
            changed_by: None,
        }));
        Ok(lists)
    }

    /// The words of one of the tenant's own lists, in their order.
    ///
    /// # Errors
    /// `NotFound`; the caller may not see it, or the store failed.
    pub async fn words(&self, caller: &Caller, name: &str) -> Result<Vec<Entry>, ServiceError> {
        caller.require(Right::SeePlugins)?;
        let (meta, _) = self.kept(caller.scope(), name).await?;
        self.inner.kept.entries(caller.scope(), &meta).await
    }

    /// The list as JSON lines, which [`import`](Self::import) reads again.
    ///
    /// # Errors
    /// As for [`words`](Self::words).
    pub async fn export(&self, caller: &Caller, name: &str) -> Result<String, ServiceError> {
        let mut text = String::new();
        for entry in self.words(caller, name).await? {
            let line = serde_json::to_string(&entry).map_err(|_| ServiceError::Internal { what: "writing a word" })?;
            text.push_str(&line);
            text.push('\n');
        }
        Ok(text)
    }

    /// Makes a list of `entries`, or puts them in the place of all that it had.
    ///
    /// # Errors
    /// `Invalid` names the entry by its number from 1, or the limit; `Conflict`; the store failed.
    pub async fn replace(&self, caller: &Caller, name: &str, entries: Vec<Entry>) -> Result<WordList, ServiceError> {
        caller.require(Right::ManageLexicons)?;
        self.change(caller, name, "lexicon.replace", |_| Ok(entries)).await
    }

    /// As [`replace`](Self::replace), from a file's text.
    ///
    /// # Errors
    /// `Invalid` names the line that cannot be read; others as for [`replace`](Self::replace).
    pub async fn import(
        &self,
        caller: &Caller,
        name: &str,
        format: ListFormat,
        text: &str,
    ) -> Result<WordList, ServiceError> {
        caller.require(Right::ManageLexicons)?;
        let entries = read_list(format, text).map_err(|error| refused(&error))?;
        self.change(caller, name, "lexicon.import", |_| Ok(entries)).await
    }

    /// Adds words to a list. A word that it has already gets the new category and mode.
    ///
    /// # Errors
    /// `NotFound`; others as for [`replace`](Self::replace).
    pub async fn add(&self, caller: &Caller, name: &str, entries: Vec<Entry>) -> Result<WordList, ServiceError> {
        caller.require(Right::ManageLexicons)?;
        self.change(caller, name, "lexicon.add", move |old| {
            let mut kept = old.ok_or(ServiceError::NotFound { what: "word list" })?;
            let again: BTreeSet<&str> = entries.iter().map(|entry| entry.word.as_str()).collect();
            kept.retain(|entry| !again.contains(entry.word.as_str()));
            kept.extend(entries.iter().cloned());
            Ok(kept)
        })
        .await
    }

    /// Takes words out of a list, as they are spelled there. Words that it does not have are no error.
    ///
    /// # Errors
    /// `NotFound`; others as for [`replace`](Self::replace).
    pub async fn remove(&self, caller: &Caller, name: &str, words: Vec<String>) -> Result<WordList, ServiceError> {
        caller.require(Right::ManageLexicons)?;
        self.change(caller, name, "lexicon.remove", move |old| {
            let mut kept = old.ok_or(ServiceError::NotFound { what: "word list" })?;
            let gone: BTreeSet<&str> = words.iter().map(String::as_str).collect();
            kept.retain(|entry| !gone.contains(entry.word.as_str()));
            Ok(kept)
        })
        .await
    }

    /// Deletes one of the tenant's own lists.
    ///
    /// # Errors
    /// `NotFound`; `Conflict`; the store failed.
    pub async fn delete(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        caller.require(Right::ManageLexicons)?;
        let (lists, author, name) = (self.clone(), Author::from(caller), name.to_owned());
        apart(&self.inner.tasks, async move { lists.delete_now(&author, &name).await }).await
    }

    /// Makes a list of a backup anew, unless there is one of that name; whether it did.
    pub(crate) async fn bring_back(
        &self,
        scope: &TenantScope,
        list: &BackedUpList,
        entries: Vec<Entry>,
    ) -> Result<bool, ServiceError> {
        if self.inner.kept.meta(scope, &list.name).await?.is_some() {
            return Ok(false);
        }
        let author = Author { scope: *scope, actor: Actor::Host };
        self.change_now(&author, &list.name, "lexicon.restore", move |_| Ok(entries)).await?;
        Ok(true)
    }

    async fn delete_now(&self, author: &Author, name: &str) -> Result<(), ServiceError> {
        let scope = &author.scope;
        let turn = self.turn(scope.tenant());
        let _turn = turn.lock().await;
        let (meta, version) = self.kept(scope, name).await?;
        let write = self.inner.kept.removal(scope, &meta, version)?;
        self.commit(author, "lexicon.delete", &meta, write).await?;
        self.inner.sets.update(scope.tenant(), |set| set.without_list(name));
        self.inner.kept.sweep(scope, name, None).await;
        Ok(())
    }

    async fn change(
        &self,
        caller: &Caller,
        name: &str,
        action: &'static str,
        change: impl FnOnce(Option<Vec<Entry>>) -> Result<Vec<Entry>, ServiceError> + Send + 'static,
    ) -> Result<WordList, ServiceError> {
        let (lists, author, name) = (self.clone(), Author::from(caller), name.to_owned());
        apart(&self.inner.tasks, async move { lists.change_now(&author, &name, action, change).await }).await
    }

    async fn change_now(
        &self,
        author: &Author,
        name: &str,
        action: &str,
        change: impl FnOnce(Option<Vec<Entry>>) -> Result<Vec<Entry>, ServiceError> + Send,
    ) -> Result<WordList, ServiceError> {
        let scope = &author.scope;
        let turn = self.turn(scope.tenant());
        let _turn = turn.lock().await;
        let (old, words) = self.before(scope, name).await?;
        let entries = change(words)?;
        let list = compile(name.to_owned(), entries.clone()).await?;
        let meta = Meta {
            name: name.to_owned(),
            generation: old.as_ref().map_or(1, |(meta, _)| meta.generation.saturating_add(1)),
            chunks: 0,
            words: list.len(),
            changed_at: self.inner.clock.now(),
            changed_by: author.actor.user(),
        };
        let (meta, write) = self.inner.kept.put(scope, meta, &entries, old.map(|(_, version)| version)).await?;
        self.commit(author, action, &meta, write).await?;
        self.inner.sets.update(scope.tenant(), |set| set.with_list(Arc::clone(&list)));
        self.inner.kept.sweep(scope, name, Some(meta.generation)).await;
        Ok(meta.into())
    }

    /// What stands there before a change.
    async fn before(
        &self,
        scope: &TenantScope,
        name: &str,
    ) -> Result<(Option<(Meta, u64)>, Option<Vec<Entry>>), ServiceError> {
        if name.starts_with(BUILT_IN) {
            return Err(ServiceError::invalid("name", format!("{name:?} is one of the host's own lists")));
        }
        match self.inner.kept.meta(scope, name).await? {
            Some((meta, version)) => {
                let words = self.inner.kept.entries(scope, &meta).await?;
                Ok((Some((meta, version)), Some(words)))
            }
            None if self.inner.kept.metas(scope).await?.len() >= LISTS => {
                let limit = u64::try_from(LISTS).ok();
                let problem = format!("there are {LISTS} word lists, the most that there may be");
                Err(ServiceError::Invalid { field: "name", problem, limit })
            }
            None => Ok((None, None)),
        }
    }

    async fn kept(&self, scope: &TenantScope, name: &str) -> Result<(Meta, u64), ServiceError> {
        self.inner.kept.meta(scope, name).await?.ok_or(ServiceError::NotFound { what: "word list" })
    }

    async fn commit(&self, author: &Author, action: &str, meta: &Meta, write: StateWrite) -> Result<(), ServiceError> {
        let entry = NewEntry::new(author.actor.clone(), action)
            .subject("word-list", &meta.name)
            .detail("words", meta.words)
            .detail("generation", meta.generation);
        self.inner.audit.commit(&author.scope, vec![write], entry).await?;
        Ok(())
    }

    fn turn(&self, tenant: TenantId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.inner.changes.lock().entry(tenant).or_default())
    }
}

impl From<Meta> for WordList {
    fn from(meta: Meta) -> Self {
        Self {
            name: meta.name,
            words: Some(meta.words),
            built_in: false,
            changed_at: Some(meta.changed_at),
            changed_by: meta.changed_by,
        }
    }
}

/// Compiles a list on a thread of its own: 10,000 words take some 10 ms, 200,000 a second.
async fn compile(name: String, entries: Vec<Entry>) -> Result<Arc<Lexicon>, ServiceError> {
    let compiled = tokio::task::spawn_blocking(move || Lexicon::compile(&name, entries)).await;
    let list = compiled.map_err(|_| ServiceError::Internal { what: "compiling a word list" })?;
    list.map(Arc::new).map_err(|error| refused(&error))
}

fn refused(error: &LexiconError) -> ServiceError {
    let field = if matches!(error, LexiconError::BadName { .. }) { "name" } else { "words" };
    let limit = match error {
        LexiconError::TooManyWords { limit } => u64::try_from(*limit).ok(),
        _ => None,
    };
    ServiceError::Invalid { field, problem: format!("cannot be used: {error}"), limit }
}

#[cfg(test)]
mod tests;
