//! What the tests of agents share: an agent that does what a message tells it to, a model that streams words,
//! and a tool server that answers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use uuid::Uuid;
use warbler_domain::{
    Agent, AgentContext, Completion, Conversation, ConversationKind, HookError, InstallationId, Line, MessageId,
    ModelClient, ModelEndpoint, ModelError, Part, Prompt, Refusal, Signal, Speaker, Submission, Tool, ToolClient,
    ToolConnection, ToolError, ToolServer, Usage, UserId,
};
use warbler_package::{Granted, Permissions, Selection};

use super::{AgentSettings, AgentView, NewAgent};
use crate::world::{Ear, Office};
use crate::{AgentPorts, Caller, Live, LiveHook, NewConversation, Service};

/// Does what the first word of its trigger says; the rest is what it works with.
pub(crate) struct Scripted {
    /// Triggers that it was called for.
    pub(super) called: AtomicUsize,
    /// What it saw before each trigger.
    pub(super) saw: Mutex<Vec<Vec<String>>>,
    /// What it was told by `say`, `call` and models when they refused.
    pub(super) refusals: Mutex<Vec<String>>,
    /// What `wait` waits for.
    pub(super) gate: Arc<Semaphore>,
}

impl Scripted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            called: AtomicUsize::new(0),
            saw: Mutex::default(),
            refusals: Mutex::default(),
            gate: Arc::new(Semaphore::new(0)),
        })
    }
}

#[async_trait]
impl Agent for Scripted {
    async fn reply(&self, trigger: &Submission, context: &AgentContext) -> Result<(), HookError> {
        self.called.fetch_add(1, Ordering::SeqCst);
        let turn = &context.turn;
        let seen = turn.history(50).await;
        self.saw.lock().push(seen.iter().filter_map(|message| message.body.text().map(str::to_owned)).collect());
        let text = trigger.body.text().unwrap_or_default();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let told = match word {
            "silence" => Ok(()),
            "pieces" => {
                for piece in ["it is a se", "cretw", "ord ", "indeed."] {
                    turn.say(piece).await.unwrap();
                    // Longer than text waits for its end before it is checked.
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
                Ok(())
            }
            "break" => {
                turn.say("All is well. ").await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                let _ = turn.say("This is FORBIDDEN. ").await;
                turn.say("Never said.").await
            }
            // What it says is no link in the trigger.
            "point" => turn.say(&format!("See {}", rest.replace("hxxp", "http"))).await,
            "invent" => turn.say("See https://nowhere.example/login for more.").await,
            "tokens" => {
                let mut told = Ok(());
                for piece in rest.split_inclusive(' ') {
                    told = turn.say(piece).await;
                    if told.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                told
            }
            "wait" => {
                turn.say("so far. ").await.unwrap();
                self.gate.acquire().await.unwrap().forget();
                turn.say(rest).await
            }
            "fail" => return Err(HookError::Trapped { text: "on purpose".into() }),
            "later" => return Err(Refusal::Unavailable { after: Duration::ZERO }.into()),
            "half" => {
                turn.say(rest).await.unwrap();
                return Err(HookError::Trapped { text: "on purpose".into() });
            }
            "call" => {
                let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
                match turn.call(name, arguments).await {
                    Ok(answer) => turn.say(&answer).await,
                    Err(error) => {
                        self.refusals.lock().push(error.clone());
                        turn.say("the call failed").await
                    }
                }
            }
            "model" => self.ask(rest, context).await,
            "person" => {
                turn.say("I ask a colleague.").await.unwrap();
                turn.hand_off(rest).await;
                Ok(())
            }
            _ => turn.say(&format!("You said: {text}")).await,
        };
        if let Err(error) = told {
            self.refusals.lock().push(error);
        }
        Ok(())
    }
}

impl Scripted {
    async fn ask(&self, model: &str, context: &AgentContext) -> Result<(), String> {
        let line = Line { speaker: Speaker::User, text: "hello".into(), tool_calls: Vec::new(), tool_call_id: None };
        let prompt = Prompt { lines: vec![line], ..Prompt::default() };
        let mut completion = match context.models.complete(model, prompt).await {
            Ok(completion) => completion,
            Err(error) => return context.turn.say(&format!("no model: {error}")).await,
        };
        while let Some(part) = completion.next().await {
            if let Ok(Part::Text(text)) = part {
                context.turn.say(&text).await?;
            }
        }
        Ok(())
    }
}

/// A provider that streams the same words for everybody, and keeps what it was asked.
#[derive(Default)]
pub(super) struct Words {
    pub(super) asked: Mutex<Vec<(Option<String>, Prompt)>>,
    pub(super) down: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl ModelClient for Words {
    async fn complete(&self, endpoint: &ModelEndpoint, prompt: Prompt) -> Result<Completion, ModelError> {
        self.asked.lock().push((endpoint.key.as_ref().map(|key| key.as_str().to_owned()), prompt));
        if self.down.load(Ordering::SeqCst) {
            return Err(ModelError::Unavailable { after: Duration::ZERO });
        }
        let usage = Usage { prompt_tokens: 10, completion_tokens: 5 };
        let parts = ["words ", "of a ", "model."].map(|text| Ok(Part::Text(text.into())));
        Ok(futures::stream::iter(parts.into_iter().chain([Ok(Part::Finished(usage))])).boxed())
    }

    async fn embed(&self, _endpoint: &ModelEndpoint, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(texts.iter().map(|_| vec![1.0, 0.0]).collect())
    }
}

/// Tool servers that all offer `time`.
pub(super) struct Clocks;

#[async_trait]
impl ToolClient for Clocks {
    async fn connect(&self, _server: ToolServer) -> Result<Arc<dyn ToolConnection>, ToolError> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl ToolConnection for Clocks {
    async fn tools(&self) -> Result<Vec<Tool>, ToolError> {
        Ok(vec![Tool { name: "time".into(), description: "the time".into(), parameters: "{}".into() }])
    }

    async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        match name {
            "time" => Ok(format!(r#"{{"time":"12:00","asked":{arguments},"token":"hush"}}"#)),
            _ => Err(ToolError::Refused { text: "unknown tool".into() }),
        }
    }
}

pub(super) fn ports(words: &Arc<Words>) -> AgentPorts {
    AgentPorts { models: Arc::clone(words) as _, tools: Arc::new(Clocks), ..AgentPorts::default() }
}

/// Puts `agent` in the place of an installation.
pub(crate) fn stand_in(service: &Service, installation: InstallationId, agent: &Arc<Scripted>) {
    configured(service, installation, agent, "{}");
}

/// The same, with a configuration.
pub(super) fn configured(service: &Service, installation: InstallationId, agent: &Arc<Scripted>, config: &str) {
    let hook = LiveHook {
        installation,
        plugin: "scripted".into(),
        version: "1.0.0".into(),
        granted: Granted(Permissions { models: Selection::All(true), ..Permissions::default() }),
        config: config.into(),
        schema: None,
        push_kinds: Vec::new(),
        deadline: Duration::from_secs(30),
        hook: Arc::clone(agent) as Arc<dyn Agent>,
    };
    service.core().ports.agents.stand_ins.lock().insert(installation, hook);
}

pub(crate) fn installation() -> InstallationId {
    InstallationId::from_uuid(Uuid::from_u128(7))
}

/// An agent that does as `scripted` does.
pub(crate) async fn agent(office: &Office<'_>, scripted: &Arc<Scripted>, settings: AgentSettings) -> AgentView {
    stand_in(office.service(), installation(), scripted);
    let new = NewAgent { name: "Robin".into(), locale: None, installation: installation(), settings };
    office.service().agents().add(&office.owner, new).await.unwrap()
}

/// A conversation of `by` with others.
pub(crate) async fn open(
    office: &Office<'_>,
    by: &Caller,
    kind: ConversationKind,
    members: &[UserId],
) -> Arc<Conversation> {
    let title = if kind == ConversationKind::Direct { "" } else { "Test" };
    let new = NewConversation { kind, title: title.into(), members: members.to_vec() };
    office.service().conversations().start(by, new).await.unwrap()
}

impl Ear {
    /// The next message that `from` posts, with its text and its caution's code.
    pub(super) async fn from(&mut self, from: UserId) -> (MessageId, String, Option<String>) {
        let next = self.next(|live| {
            let Live::Event(event) = live else { return None };
            let warbler_domain::EventKind::Posted { message } = &event.kind else { return None };
            let text = message.body.as_ref().and_then(|body| body.text()).unwrap_or_default().to_owned();
            (message.sender == from)
                .then(|| (message.id, text, message.caution.as_ref().map(|caution| caution.code.clone())))
        });
        tokio::time::timeout(Duration::from_secs(20), next).await.expect("nothing was posted")
    }

    /// The next state of a growing reply: its message, its text, and why it was taken back.
    pub(super) async fn growing(&mut self) -> (MessageId, String, Option<String>) {
        let next = self.next(|live| match live {
            Live::Signal(Signal::Reply { message, text, withdrawn, .. }) => {
                Some((*message, text.to_string(), withdrawn.as_ref().map(|reason| reason.code.clone())))
            }
            _ => None,
        });
        tokio::time::timeout(Duration::from_secs(20), next).await.expect("no reply grew")
    }
}
