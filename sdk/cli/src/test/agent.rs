//! Agents: a message, what stands before it, what models answer, and what the agent should say and do.

mod room;
mod script;

use std::sync::Arc;

use serde::Deserialize;
use warbler_domain::{
    Agent, AgentContext, Body, ConversationKind, HookError, LoadError, Party, Role, Submission, with_causes,
};

use super::Tally;
use super::case::{message, person};
use super::corpus;
use super::expect::{equal, explain, fits_schema, holds};
use super::files::Checked;
use super::harness::{Harness, NotReady, Setting};
use super::server::{Answer, Server};
use room::{Room, ScriptedTool};
use script::{Said, ScriptedModels};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentCase {
    /// What it shows, as a sentence.
    pub(super) name: Option<String>,
    /// How the plugin is set up.
    #[serde(default)]
    given: Setting,
    /// What stands before the trigger, the oldest first.
    #[serde(default)]
    history: Vec<Earlier>,
    /// The trigger's text.
    text: String,
    /// What models answer, in order; the last answer stays.
    #[serde(default)]
    models: Vec<Said>,
    /// What the knowledge base has, the best first.
    #[serde(default)]
    knowledge: Vec<warbler_domain::Passage>,
    /// Tools, with what each answers.
    #[serde(default)]
    tools: Vec<ScriptedTool>,
    /// A sentence with which a person or a filter stops the reply at its first word.
    #[serde(default)]
    stopped: Option<String>,
    /// What web servers answer, for agents with the permission `http`.
    #[serde(default)]
    answers: Vec<Answer>,
    /// What should come of it.
    #[serde(default)]
    expect: Expect,
}

/// A message before the trigger.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    text: String,
    /// `agent` for what the agent itself said.
    #[serde(default)]
    role: Option<Role>,
    /// Its sender's name, seen with `sender-profile`.
    #[serde(default)]
    name: String,
}

/// What should come of a case. What is not named is not looked at.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    /// The whole reply.
    reply: Option<String>,
    /// A part of the reply.
    says: Option<String>,
    /// Parts of what the model was asked, over all requests.
    asks: Vec<String>,
    /// The tools that were called, in order.
    calls: Option<Vec<String>>,
    /// A part of the reason with which it hands off; an empty one for none at all.
    hands_off: Option<String>,
    /// A part of the sentence with which `init` refuses the configuration.
    init_error: Option<String>,
    /// The code of the failure: `unavailable`, `misconfigured`, `unsupported`…
    failure: Option<String>,
}

impl Checked for AgentCase {
    fn is_empty(&self) -> bool {
        self.expect == Expect::default()
    }
}

impl AgentCase {
    /// How it is set up, if it wants the plugin to work.
    pub(super) fn working(&self) -> Option<Setting> {
        let works = self.expect.init_error.is_none() && self.expect.failure.is_none();
        works.then(|| self.given.clone())
    }
}

/// Runs one case; the error says in lines what was expected and what came.
pub(super) async fn check(harness: &mut Harness, server: &Server, case: &AgentCase) -> Result<(), String> {
    let (mut setting, expect) = (case.given.clone(), &case.expect);
    setting.fill(server);
    server.play(case.answers.clone());
    if expect.init_error.is_none() {
        fits_schema(harness, &setting.config)?;
    }
    let agent = match (agent(harness, &setting).await, &expect.init_error) {
        (Ok(agent), None) => agent,
        (Ok(_), Some(part)) => return Err(format!("expected that init refuses with {part:?}, and it did not")),
        (Err(NotReady::Load(LoadError::InitRefused { text })), Some(part)) => {
            return holds("init's sentence", &text, part);
        }
        (Err(NotReady::Load(error)), _) => return Err(with_causes(&error)),
        (Err(NotReady::Setting(text)), _) => return Err(text),
    };
    let room = Arc::new(Room {
        history: case.history.iter().enumerate().map(|(at, earlier)| earlier_message(at, earlier)).collect(),
        knowledge: case.knowledge.clone(),
        tools: case.tools.clone(),
        stopped: case.stopped.clone(),
        ..Room::default()
    });
    let models = Arc::new(ScriptedModels::new(case.models.clone()));
    let context = AgentContext { turn: Arc::clone(&room) as _, models: Arc::clone(&models) as _ };
    match (agent.reply(&trigger(&case.text), &context).await, &expect.failure) {
        (Ok(()), None) => {}
        (Ok(()), Some(code)) => {
            return Err(format!("expected the failure {code:?}, and it replied {:?}", room.reply()));
        }
        (Err(error), Some(code)) if error.code() == code => {}
        (Err(error), _) => return Err(explain(&error)),
    }
    compare(&room, &models, expect)
}

async fn agent(harness: &mut Harness, setting: &Setting) -> Result<Arc<dyn Agent>, NotReady> {
    let ready = harness.ready(setting).await?;
    ready.plugin.agent().ok_or(NotReady::Load(LoadError::NoHook))
}

fn compare(room: &Room, models: &ScriptedModels, expect: &Expect) -> Result<(), String> {
    let reply = room.reply();
    if let Some(expected) = &expect.reply {
        equal("the reply", &reply, expected)?;
    }
    if let Some(part) = &expect.says {
        holds("the reply", &reply, part)?;
    }
    let asked = models.asked();
    for part in &expect.asks {
        holds("what the model was asked", &asked, part)?;
    }
    if let Some(calls) = &expect.calls {
        equal("the tools called", &room.calls(), calls)?;
    }
    match (&expect.hands_off, room.handed_off()) {
        (Some(none), Some(reason)) if none.is_empty() => Err(format!("it handed off: {reason:?}")),
        (Some(part), Some(reason)) => holds("the reason of the hand-off", &reason, part),
        (Some(part), None) if !part.is_empty() => Err(format!("expected a hand-off with {part:?}, and there was none")),
        _ => Ok(()),
    }
}

fn trigger(text: &str) -> Submission {
    let body = Body::Text { text: text.to_owned() };
    Submission { kind: ConversationKind::Group, ..message(body) }
}

fn earlier_message(at: usize, earlier: &Earlier) -> Submission {
    let role = earlier.role.unwrap_or(Role::Member);
    let number = if role == Role::Agent { 4 } else { 3 };
    let sequence = u64::try_from(at).unwrap_or_default() + 1;
    Submission {
        sequence: Some(warbler_domain::Sequence(sequence)),
        sender: Party { id: person(number), name: earlier.name.clone(), role },
        ..trigger(&earlier.text)
    }
}

/// What a host relies on, whatever the agent is for.
pub(super) async fn conformance(harness: &mut Harness, server: &Server, mut setting: Setting, tally: &mut Tally) {
    setting.fill(server);
    server.play(Vec::new());
    let agent = match agent(harness, &setting).await {
        Ok(agent) => agent,
        Err(NotReady::Setting(text)) => return tally.count("starts", &Err(text)),
        Err(NotReady::Load(error)) => return tally.count("starts", &Err(with_causes(&error))),
    };
    for (name, said) in script::moods() {
        let outcome = bears(&agent, Room::default(), said, message(Body::Text { text: "hello".to_owned() })).await;
        tally.count(&format!("bears a model that {name}"), &outcome);
    }
    let stopped = Room { stopped: Some("a person stopped the reply".to_owned()), ..Room::default() };
    let words = || script::text("A word, and another.");
    let outcome = bears(&agent, stopped, words(), message(Body::Text { text: "hello".to_owned() })).await;
    tally.count("bears that its reply is stopped", &outcome);
    for (name, body) in corpus::bodies() {
        let outcome = bears(&agent, Room::default(), words(), message(body)).await;
        tally.count(&format!("bears {name}"), &outcome);
    }
}

/// Whether the agent replies or says in its own words why not. It must not trap or overrun: people see an
/// apology then, and nobody learns why.
async fn bears(agent: &Arc<dyn Agent>, room: Room, said: Said, trigger: Submission) -> Result<(), String> {
    let models = Arc::new(ScriptedModels::new(vec![said]));
    let context = AgentContext { turn: Arc::new(room), models };
    match agent.reply(&trigger, &context).await {
        Ok(()) | Err(HookError::Refused(_)) => Ok(()),
        Err(error) => Err(explain(&error)),
    }
}
