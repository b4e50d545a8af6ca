//! What a plugin is lent for one turn: the conversation that its agent was addressed in, and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use warbler_domain::{Passage, Submission, Tool};

use super::history;
use super::reply::Reply;

/// Most passages that one search gives.
const PASSAGES: usize = 20;

/// Longest reason of a hand-over that is kept, in bytes.
const REASON: usize = 1_000;

/// One turn.
pub(super) struct Turn(pub(super) Arc<Reply>);

#[async_trait]
impl warbler_domain::Turn for Turn {
    async fn history(&self, limit: usize) -> Vec<Submission> {
        let Reply { inner, scope, room, agent, trigger, sources, .. } = &*self.0;
        let before = trigger.sequence.unwrap_or_default();
        match history::seen(&inner.core, scope, room, agent, before, limit).await {
            Ok(seen) => {
                let mut sources = sources.lock();
                let given = seen.iter().filter(|seen| seen.is_source);
                given.filter_map(|seen| seen.message.body.text()).for_each(|text| sources.add(text));
                seen.into_iter().map(|seen| seen.message).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "an agent was given no history");
                Vec::new()
            }
        }
    }

    async fn say(&self, text: &str) -> Result<(), String> {
        self.0.say(text).await
    }

    async fn search(&self, query: &str, limit: usize) -> Vec<Passage> {
        let Reply { inner, scope, agent, trigger, sources, .. } = &*self.0;
        if !agent.settings.knowledge {
            return Vec::new();
        }
        let found = inner.knowledge.search(scope, agent.user, query, trigger.conversation, limit.min(PASSAGES)).await;
        match found {
            Ok(passages) => {
                let mut sources = sources.lock();
                for passage in &passages {
                    sources.add(&passage.source);
                    sources.add(&passage.text);
                }
                passages
            }
            Err(error) => {
                tracing::warn!(%error, "an agent found nothing in the knowledge base");
                Vec::new()
            }
        }
    }

    async fn tools(&self) -> Vec<Tool> {
        self.0.inner.tools.of(&self.0.scope, &self.0.agent).await
    }

    async fn call(&self, name: &str, arguments: &str) -> Result<String, String> {
        let called = self.0.call_tool(name, arguments).await;
        let (Ok(words) | Err(words)) = &called;
        self.0.sources.lock().add(words);
        called
    }

    async fn hand_off(&self, reason: &str) {
        let reason = reason.get(..reason.floor_char_boundary(REASON)).unwrap_or_default().to_owned();
        self.0.handed_off.lock().get_or_insert(reason);
    }
}
