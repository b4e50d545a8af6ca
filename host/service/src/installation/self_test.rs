//! The self-test: it breaks a plugin on purpose, in each way in which plugins break, and shows that the
//! installation's failure policy holds. Broken stand-ins go through the same chain code as live messages,
//! with the installation's own settings; nothing of it reaches a conversation, an alarm or the metrics of
//! failures.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use warbler_domain::{
    ByteSize, ContentFilter, Decision, HookContext, HookError, InstallationId, Outcome, Refusal, Right, Strength,
    Submission,
};
use warbler_text::{LexiconSet, normalise};

use super::load::sample;
use super::rack::{Running, bare_link, engine};
use super::{Inner, Plugins};
use crate::audit::NewEntry;
use crate::filters::{Chain, Engine, FailPolicy, Judgement, Link};
use crate::plugin_author::Author;
use crate::{Caller, ServiceError};

/// What no filter has cause to stop.
const HARMLESS: &str = "Hello, are we still meeting at noon?";

/// Words of which the built-in lists know some.
const LISTED: &str = "cocaine heroin online casino 赌博 赌场 海洛因 冰毒 刷单 fuck asshole 傻逼 porn 色情";

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfTestStep {
    /// How the plugin was broken, as a stable code; `works` for the plugin itself.
    pub name: &'static str,
    /// What was sent through the chain.
    pub message: &'static str,
    /// What the policy promises.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether they agree.
    pub held: bool,
}

/// What a self-test showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfTestReport {
    /// Which installation.
    pub installation: InstallationId,
    /// The plugin's name.
    pub plugin: String,
    /// The version that was tested.
    pub version: String,
    /// The failure policy that was put to the test.
    pub policy: FailPolicy,
    /// Whether the policy held in every case.
    pub held: bool,
    /// Whether the plugin itself, unbroken, answered a harmless message.
    pub works: bool,
    /// What was tried, in order.
    pub steps: Vec<SelfTestStep>,
}

impl Plugins {
    /// Breaks an installed filter on purpose and reports whether its failure policy holds.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` if it is no content filter, or no version of it is approved; the caller may
    /// not; the store failed.
    pub async fn self_test(
        &self,
        caller: &Caller,
        installation: InstallationId,
    ) -> Result<SelfTestReport, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        let inner = &self.inner;
        let author = Author::from(caller);
        let tenant = author.scope.tenant();
        let live = inner.live(tenant, installation)?;
        let edition = live.record.current.as_ref().filter(|edition| edition.is_filter());
        let edition =
            edition.ok_or_else(|| ServiceError::invalid("installation", "has no content filter in use to test"))?;
        let working = match &live.running {
            Running::Loaded(plugin) => engine(&**plugin),
            Running::Failed { code, text } => Engine::Missing { code: code.clone(), text: text.clone() },
            Running::Off => Engine::Missing { code: "inactive".to_owned(), text: "it is not active".to_owned() },
        };
        let timing = metrics::Histogram::noop();
        let link = Link { timing, ..bare_link(tenant, &live.record, edition, working) };
        let lists = inner.chains.lists().get(tenant);
        let works = works(inner, &lists, &link).await;
        let bench = RealChain { inner, lists: &lists };
        let mut steps = prove(&bench, &link).await;
        let held = steps.iter().all(|step| step.held);
        let report = SelfTestReport {
            installation,
            plugin: live.record.plugin.clone(),
            version: edition.version(),
            policy: live.record.fail_policy,
            held,
            works: works.held,
            steps: {
                steps.insert(0, works);
                steps
            },
        };
        let entry = NewEntry::new(author.actor.clone(), "plugin.self-test")
            .subject("installation", &installation)
            .detail("plugin", report.plugin.as_str())
            .detail("version", report.version.as_str())
            .detail("held", report.held)
            .detail("works", report.works);
        inner.audit.record(&author.scope, entry).await?;
        Ok(report)
    }
}

/// Sends one message through a chain of one filter.
#[async_trait]
trait Bench: Sync {
    async fn judge(&self, link: Link, text: &str) -> Judgement;
}

/// The chain that live messages go through.
struct RealChain<'a> {
    inner: &'a Inner,
    lists: &'a Arc<LexiconSet>,
}

#[async_trait]
impl Bench for RealChain<'_> {
    async fn judge(&self, link: Link, text: &str) -> Judgement {
        Chain::new(vec![Arc::new(link)]).judge(self.lists, sample(self.inner, text)).await
    }
}

/// A way in which plugins break.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Trap,
    Endless,
    OutOfMemory,
    Refusal,
    InvalidAnswer,
    Busy,
    NotLoaded,
}

impl Break {
    const ALL: [Self; 7] =
        [Self::Trap, Self::Endless, Self::OutOfMemory, Self::Refusal, Self::InvalidAnswer, Self::Busy, Self::NotLoaded];

    /// The name of the case, and the code that the receipt must bear.
    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Trap => ("trap", "trapped"),
            Self::Endless => ("endless", "overrun"),
            Self::OutOfMemory => ("out-of-memory", "out-of-memory"),
            Self::Refusal => ("refusal", "misconfigured"),
            Self::InvalidAnswer => ("invalid-answer", "invalid-answer"),
            Self::Busy => ("busy", "busy"),
            Self::NotLoaded => ("not-loaded", "not-loaded"),
        }
    }

    fn engine(self) -> Engine {
        match self {
            Self::NotLoaded => {
                Engine::Missing { code: "not-loaded".to_owned(), text: "it is not loaded, on purpose".to_owned() }
            }
            other => Engine::Live(Arc::new(Broken(other))),
        }
    }
}

/// A filter that fails in one way.
struct Broken(Break);

#[async_trait]
impl ContentFilter for Broken {
    async fn check(&self, _message: &Submission, _context: &HookContext) -> Result<Decision, HookError> {
        let text = || "on purpose".to_owned();
        Err(match self.0 {
            // Never answers: the chain's own deadline has to end it.
            Break::Endless | Break::NotLoaded => std::future::pending().await,
            Break::Trap => HookError::Trapped { text: text() },
            Break::OutOfMemory => HookError::OutOfMemory { limit: ByteSize::mib(1) },
            Break::Refusal => HookError::Refused(Refusal::Misconfigured { text: text() }),
            Break::InvalidAnswer => HookError::InvalidAnswer { text: text() },
            Break::Busy => HookError::Busy { limit: 1 },
        })
    }
}

/// Tries the plugin itself. What it says of the message is its own affair, as long as it says something.
async fn works(inner: &Inner, lists: &Arc<LexiconSet>, link: &Link) -> SelfTestStep {
    let judgement = RealChain { inner, lists }.judge(link.clone(), HARMLESS).await;
    let outcome = judgement.receipts.first().map(|receipt| &receipt.outcome);
    let seen = match outcome {
        Some(Outcome::Decided) => format!("it decided: {:?}", judgement.merged.verdict.strength()),
        Some(Outcome::Failed { code }) => format!("it failed: {code}"),
        None => "it was not asked".to_owned(),
    };
    SelfTestStep {
        name: "works",
        message: "harmless",
        expected: "the plugin decides by itself".to_owned(),
        seen: seen.to_lowercase(),
        held: outcome == Some(&Outcome::Decided),
    }
}

/// Breaks the link in every way and compares what comes of it with what its policy promises.
async fn prove(bench: &dyn Bench, link: &Link) -> Vec<SelfTestStep> {
    let mut steps = Vec::new();
    for way in Break::ALL {
        let texts: &[_] = match link.policy {
            FailPolicy::Lexicon => &[("harmless", HARMLESS), ("with listed words", LISTED)],
            FailPolicy::Closed | FailPolicy::Open => &[("harmless", HARMLESS)],
        };
        for (message, text) in texts {
            let deadline = link.deadline.min(Duration::from_secs(5));
            let broken = Link { engine: way.engine(), deadline, watch: None, ..link.clone() };
            let judgement = bench.judge(broken, text).await;
            steps.push(compare(way, message, promised(link.policy, text), &judgement));
        }
    }
    steps
}

/// What the policy promises for a message that the filter did not check.
fn promised(policy: FailPolicy, text: &str) -> Strength {
    match policy {
        FailPolicy::Closed => Strength::Hold,
        FailPolicy::Open => Strength::Flag,
        FailPolicy::Lexicon => {
            let lists = LexiconSet::new();
            let names: Vec<&str> = lists.names().collect();
            // Asked of the lists themselves, not of the chain that is being tested.
            let is_listed = lists.find(&names, &normalise(text)).is_ok_and(|hits| !hits.is_empty());
            if is_listed || text == LISTED { Strength::Hold } else { Strength::Flag }
        }
    }
}

fn compare(way: Break, message: &'static str, promised: Strength, judgement: &Judgement) -> SelfTestStep {
    let (name, code) = way.name();
    let recorded = Outcome::Failed { code: code.to_owned() };
    let outcomes: Vec<_> = judgement.receipts.iter().map(|receipt| &receipt.outcome).collect();
    let seen = judgement.merged.verdict.strength();
    let delivers = |yes| if yes { "delivered" } else { "not delivered" };
    let is_delivered = promised <= Strength::Rewrite;
    SelfTestStep {
        name,
        message,
        expected: format!("{promised:?}, {}, recorded as {code}", delivers(is_delivered)).to_lowercase(),
        seen: format!("{seen:?}, {}, recorded as {outcomes:?}", delivers(judgement.merged.delivers())).to_lowercase(),
        held: seen == promised && judgement.merged.delivers() == is_delivered && outcomes == [&recorded],
    }
}

#[cfg(test)]
mod tests;
