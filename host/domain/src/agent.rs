//! The agent hook: a member of the tenant that is a program, and what it is lent for one turn.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{HookError, Models, Submission, Tool};

/// A passage of the tenant's knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Where it comes from: the document's title and, where there is one, the section or page.
    pub source: String,
    /// Its text.
    pub text: String,
    /// How well it answers the query, from 0 to 1.
    pub score: f32,
}

/// One turn of an agent in one conversation. Nothing beyond that conversation can be reached through it.
#[async_trait]
pub trait Turn: Send + Sync {
    /// The messages before the trigger that the agent may see, oldest first, at most `limit`.
    async fn history(&self, limit: usize) -> Vec<Submission>;
    /// Adds to the reply that people see growing.
    ///
    /// # Errors
    /// A person stopped it, or a filter did; the sentence says which.
    async fn say(&self, text: &str) -> Result<(), String>;
    /// Passages of the knowledge base that the conversation may see, best first.
    async fn search(&self, query: &str, limit: usize) -> Vec<Passage>;
    /// The tools that an admin granted to this agent.
    async fn tools(&self) -> Vec<Tool>;
    /// Calls a tool with JSON, and gives its JSON answer. It may wait for a person's approval.
    ///
    /// # Errors
    /// The tool's words, or that a person denied it.
    async fn call(&self, name: &str, arguments: &str) -> Result<String, String>;
    /// Hands the conversation to people.
    async fn hand_off(&self, reason: &str);
}

/// What one turn is lent.
#[derive(Clone)]
pub struct AgentContext {
    /// The conversation.
    pub turn: Arc<dyn Turn>,
    /// Chat models, within the agent's budget.
    pub models: Arc<dyn Models>,
}

/// Answers as a member of a conversation.
#[async_trait]
pub trait Agent: Send + Sync {
    /// Answers `trigger`. `Ok` means that the reply is complete. Dropping the future cancels the turn, with
    /// every request to a model that it has under way.
    ///
    /// # Errors
    /// The plugin overran a limit, trapped, or said that it could not serve the message.
    async fn reply(&self, trigger: &Submission, context: &AgentContext) -> Result<(), HookError>;
}
