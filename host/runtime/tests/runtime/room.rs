//! What agents are lent in tests: a conversation that remembers, and models that can be made to wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use warbler_domain::{
    Agent, AgentContext, Completion, HookLimits, LoadedPlugin, ModelError, Models, Part, Passage, PluginRuntime as _,
    Prompt, Submission, Tool, Turn, Usage,
};
use warbler_runtime::Runtime;

use crate::guests;
use crate::harness::{Lines, Plan, plan_of};

/// A conversation that remembers what was said in it.
#[derive(Default)]
pub struct Room {
    pub history: Vec<Submission>,
    pub said: Mutex<Vec<String>>,
    pub spoken: Notify,
}

#[async_trait]
impl Turn for Room {
    async fn history(&self, limit: usize) -> Vec<Submission> {
        assert!(limit <= 50, "{limit}");
        self.history.clone()
    }

    async fn say(&self, text: &str) -> Result<(), String> {
        self.said.lock().push(text.into());
        self.spoken.notify_one();
        Ok(())
    }

    async fn search(&self, _: &str, _: usize) -> Vec<Passage> {
        Vec::new()
    }

    async fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }

    async fn call(&self, name: &str, _: &str) -> Result<String, String> {
        Err(format!("there is no tool {name:?}"))
    }

    async fn hand_off(&self, _: &str) {}
}

/// Models whose answers begin with a word and then wait to be let on.
pub struct SlowModels {
    open: Arc<AtomicUsize>,
    pub gate: Arc<Semaphore>,
}

impl SlowModels {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { open: Arc::default(), gate: Arc::new(Semaphore::new(0)) })
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Counts a request for as long as it is under way.
pub struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Models for SlowModels {
    async fn complete(&self, model: &str, _: Prompt) -> Result<Completion, ModelError> {
        assert_eq!(model, "small");
        self.open.fetch_add(1, Ordering::SeqCst);
        let parts = ["one", "two"].map(|text| Part::Text(text.into())).into_iter();
        let parts: VecDeque<Part> = parts.chain([Part::Finished(Usage::default())]).collect();
        let begun = (Open(Arc::clone(&self.open)), Arc::clone(&self.gate), parts, false);
        let stream = futures::stream::unfold(begun, |(open, gate, mut parts, waits)| async move {
            if waits {
                gate.acquire().await.ok()?.forget();
            }
            let part = parts.pop_front()?;
            Some((Ok(part), (open, gate, parts, true)))
        });
        Ok(stream.boxed())
    }

    async fn embed(&self, _: &str, _: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        Err(ModelError::OverBudget)
    }
}

/// A plan for the guest `tests/guests/agent-NAME.wat`, with what agents are granted.
pub fn agent(name: &str) -> Plan {
    plan_of(guests::plugin(&format!("agent-{name}"), "agent").unwrap()).with(|request| {
        request.limits = HookLimits::agent();
        request.grants.conversation = true;
        request.grants.models = true;
    })
}

pub fn lend(room: &Arc<Room>, models: Arc<dyn Models>) -> AgentContext {
    AgentContext { turn: Arc::clone(room) as _, models }
}

pub struct Loaded {
    pub plugin: Arc<dyn LoadedPlugin>,
    pub agent: Arc<dyn Agent>,
    pub log: Arc<Lines>,
}

pub async fn load(plan: Plan, runtime: &Runtime) -> Loaded {
    let log = Arc::clone(&plan.log);
    let plugin = runtime.load(plan.request).await.unwrap();
    let agent = plugin.agent().unwrap();
    Loaded { plugin, agent, log }
}

pub async fn has_spoken(room: &Room, times: usize) {
    while room.said.lock().len() < times {
        room.spoken.notified().await;
    }
}
