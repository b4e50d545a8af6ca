//! An agent's turn in a conversation.

use crate::bindings::imports::warbler::plugin::conversation;
use crate::{Message, Passage, Tool};

/// What an agent may do while it answers: read before the message that addressed it, speak, search,
/// call tools, hand off. A trait, so that tests can bring their own.
pub trait Turn {
    /// The messages before the trigger, oldest first, at most 50.
    fn history(&self, limit: u32) -> Vec<Message>;

    /// Adds to the reply that people see growing.
    ///
    /// # Errors
    /// A person stopped it, or a filter did; the sentence says which.
    fn say(&self, text: &str) -> Result<(), String>;

    /// Passages of the tenant's knowledge base, best first.
    fn search(&self, query: &str, limit: u32) -> Vec<Passage>;

    /// The tools that the tenant granted.
    fn tools(&self) -> Vec<Tool>;

    /// Calls a tool with JSON, and gives its JSON answer.
    ///
    /// # Errors
    /// The tool's words.
    fn call(&self, name: &str, arguments: &str) -> Result<String, String>;

    /// Hands the conversation to people; the agent stays silent until they hand it back.
    fn hand_off(&self, reason: &str);
}

impl Turn for conversation::Turn {
    fn history(&self, limit: u32) -> Vec<Message> {
        Self::history(self, limit)
    }

    fn say(&self, text: &str) -> Result<(), String> {
        Self::say(self, text)
    }

    fn search(&self, query: &str, limit: u32) -> Vec<Passage> {
        Self::search(self, query, limit)
    }

    fn tools(&self) -> Vec<Tool> {
        Self::tools(self)
    }

    fn call(&self, name: &str, arguments: &str) -> Result<String, String> {
        Self::call(self, name, arguments)
    }

    fn hand_off(&self, reason: &str) {
        Self::hand_off(self, reason);
    }
}
