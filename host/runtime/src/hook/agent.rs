//! Agents: one reply, with the turn and the models that it was lent.

use async_trait::async_trait;
use warbler_domain::{Agent, AgentContext, HookError, HookKind, Submission};
use wasmtime::Store;
use wasmtime::component::{Resource, ResourceTable};

use super::bindings::warbler::plugin::types::{Failure, Message};
use super::call::Job;
use super::imports::Lending;
use super::record;
use super::table::Guests;
use crate::installation::Installation;
use crate::pseudonym::Pseudonyms;
use crate::state::GuestState;

/// The turn's number: a call has one, and everything of it is found in the store.
const TURN: u32 = 0;

#[async_trait]
impl Agent for Installation {
    async fn reply(&self, trigger: &Submission, context: &AgentContext) -> Result<(), HookError> {
        let trigger = record::message(trigger, &self.mould.lent.grants, &self.pseudonyms);
        self.serve(Reply { trigger, context, pseudonyms: &self.pseudonyms }).await
    }
}

struct Reply<'a> {
    trigger: Message,
    context: &'a AgentContext,
    pseudonyms: &'a Pseudonyms,
}

impl Job for Reply<'_> {
    const HOOK: HookKind = HookKind::Agent;
    /// A prompt that fills a model's window of a million tokens, and then some.
    const HOST_CALL_BYTES: usize = 8 << 20;
    type Raw = ();
    type Answer = ();

    fn name(&self) -> &'static str {
        "agent.reply"
    }

    fn lend(&self, state: &mut GuestState) {
        state.lending = Some(Box::new(Lending {
            context: self.context.clone(),
            pseudonyms: self.pseudonyms.clone(),
            table: ResourceTable::new(),
            open: 0,
        }));
    }

    async fn run(&self, guests: &Guests, store: &mut Store<GuestState>) -> wasmtime::Result<Result<(), Failure>> {
        guests.agent()?.call_reply(store, &self.trigger, Resource::new_borrow(TURN)).await
    }

    fn read(&self, (): ()) -> Result<(), String> {
        Ok(())
    }
}
