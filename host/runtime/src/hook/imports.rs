//! What an agent can call beside the imports that every plugin can be granted: `models`, and the turn of
//! `conversation`. Nothing beyond the conversation of the call under way is in reach.

use std::sync::Arc;

use warbler_domain::{AgentContext, Grants, Turn};
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};

use super::bindings::warbler::plugin::conversation as wit;
use super::bindings::warbler::plugin::{folders, mail, models, types};
use super::record;
use crate::log_gate::tidy;
use crate::pseudonym::Pseudonyms;
use crate::state::GuestState;

/// Most messages of history, as the contract says.
const HISTORY: usize = 50;
/// Most passages in one answer: more than a prompt has room for.
const PASSAGES: usize = 50;
/// Greatest length of what is searched for, in bytes: a long question.
const QUERY: usize = 4 << 10;
/// Greatest length of what is said at a time, in bytes: as much as a message may have in custom JSON, and
/// four times what it may have in text.
const PIECE: usize = 64 << 10;
/// Greatest length of a tool's arguments, in bytes.
const ARGUMENTS: usize = 256 << 10;
/// Greatest length of a tool's name, in bytes.
const NAME: usize = 128;

/// What one call of an agent was lent. Dropping it cancels what is under way.
pub(crate) struct Lending {
    pub(super) context: AgentContext,
    pub(super) pseudonyms: Pseudonyms,
    /// Completions that the guest holds.
    pub(super) table: ResourceTable,
    /// How many they are.
    pub(super) open: usize,
}

impl Lending {
    /// Whether the guest gave back all that it took.
    pub(crate) const fn is_settled(&self) -> bool {
        self.open == 0
    }
}

/// Stands for the turn of the call under way, of which there is one.
#[allow(unreachable_pub)] // The bindings name it in public.
pub struct TurnMark;

/// Links what `grants` allow an agent.
pub(crate) fn link(linker: &mut Linker<GuestState>, grants: &Grants) -> wasmtime::Result<()> {
    if grants.models {
        models::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    }
    if grants.conversation {
        wit::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    }
    if !grants.folders.is_empty() {
        folders::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    }
    if !grants.mail.is_empty() {
        mail::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    }
    Ok(())
}

impl types::Host for GuestState {}

impl wit::Host for GuestState {}

impl GuestState {
    /// What was lent for the call under way. A turn is borrowed for a call, so that there is one.
    fn lent_turn(&self) -> wasmtime::Result<Arc<dyn Turn>> {
        Ok(Arc::clone(&self.lending()?.context.turn))
    }

    fn lending(&self) -> wasmtime::Result<&Lending> {
        self.lending.as_deref().ok_or_else(|| wasmtime::format_err!("there is no turn outside of a reply"))
    }
}

impl wit::HostTurn for GuestState {
    async fn history(&mut self, _: Resource<TurnMark>, limit: u32) -> wasmtime::Result<Vec<wit::Message>> {
        self.waits();
        let limit = most(limit, HISTORY);
        let mut messages = self.lent_turn()?.history(limit).await;
        // Those nearest to the trigger, whatever the port gave.
        messages.drain(..messages.len().saturating_sub(limit));
        let lending = self.lending()?;
        let seen = |message| record::message(message, &self.lent.grants, &lending.pseudonyms);
        Ok(messages.iter().map(seen).collect())
    }

    async fn say(&mut self, _: Resource<TurnMark>, text: String) -> wasmtime::Result<Result<(), String>> {
        self.waits();
        if text.len() > PIECE {
            return Ok(Err(format!("{} bytes at a time, where {PIECE} are the most", text.len())));
        }
        Ok(self.lent_turn()?.say(&text).await)
    }

    async fn search(
        &mut self,
        _: Resource<TurnMark>,
        query: String,
        limit: u32,
    ) -> wasmtime::Result<Vec<wit::Passage>> {
        self.waits();
        let limit = most(limit, PASSAGES);
        let found = self.lent_turn()?.search(cut(&query, QUERY), limit).await;
        let passage = |warbler_domain::Passage { source, text, score }| wit::Passage { source, text, score };
        Ok(found.into_iter().take(limit).map(passage).collect())
    }

    async fn tools(&mut self, _: Resource<TurnMark>) -> wasmtime::Result<Vec<wit::Tool>> {
        self.waits();
        let tools = self.lent_turn()?.tools().await;
        let tool = |warbler_domain::Tool { name, description, parameters }| wit::Tool { name, description, parameters };
        Ok(tools.into_iter().map(tool).collect())
    }

    async fn call(
        &mut self,
        _: Resource<TurnMark>,
        name: String,
        arguments: String,
    ) -> wasmtime::Result<Result<String, String>> {
        self.waits();
        if name.len() > NAME {
            return Ok(Err("there is no tool of that name".into()));
        }
        if arguments.len() > ARGUMENTS {
            return Ok(Err(format!("{} bytes of arguments, where {ARGUMENTS} are the most", arguments.len())));
        }
        Ok(self.lent_turn()?.call(&name, &arguments).await)
    }

    async fn hand_off(&mut self, _: Resource<TurnMark>, reason: String) -> wasmtime::Result<()> {
        self.waits();
        self.lent_turn()?.hand_off(&tidy(&reason)).await;
        Ok(())
    }

    async fn drop(&mut self, _: Resource<TurnMark>) -> wasmtime::Result<()> {
        // The guest only ever borrows it.
        Ok(())
    }
}

fn most(limit: u32, most: usize) -> usize {
    usize::try_from(limit).unwrap_or(most).min(most)
}

/// The beginning of `text`, in whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}
