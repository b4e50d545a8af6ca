//! One link of a chain: an active installation's filter, and what its policy makes of a failure.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use warbler_domain::{
    Body, ContentFilter, Decision, HookContext, InstallationId, Lexicons, NoLexicons, Outcome, Reason, Receipt,
    Submission, Verdict,
};

use super::words::{GrantedWords, MessageWords};
use super::{FailPolicy, Watch};

/// Findings kept of one decision: as many as a search of word lists reports.
const FINDINGS: usize = 1_000;

/// Bytes of a reason's code, and of its text, that are kept.
const REASON_CODE: usize = 64;
const REASON_TEXT: usize = 1_024;

/// Longest rewritten text and JSON, as for messages that people send.
const TEXT: usize = 16 * 1024;
const CUSTOM: usize = 64 * 1024;

/// What checks the messages.
#[derive(Clone)]
pub(crate) enum Engine {
    /// The plugin.
    Live(Arc<dyn ContentFilter>),
    /// Nothing: the plugin is not loaded, and the policy decides about every message.
    Missing {
        /// The stable code of why not.
        code: String,
        /// Why not, as a sentence.
        text: String,
    },
}

/// The word lists that a plugin was granted.
#[derive(Debug, Clone)]
pub(crate) enum ListAccess {
    /// None.
    None,
    /// All of the tenant's and the host's.
    All,
    /// These.
    Named(Arc<BTreeSet<String>>),
}

/// One filter of a chain.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) installation: InstallationId,
    pub(crate) plugin: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) digest: Arc<str>,
    pub(crate) config_digest: Arc<str>,
    pub(crate) policy: FailPolicy,
    pub(crate) deadline: Duration,
    pub(crate) lists: ListAccess,
    pub(crate) engine: Engine,
    /// Nobody watches a link that is made for a test.
    pub(crate) watch: Option<Watch>,
    pub(crate) timing: metrics::Histogram,
}

/// A call that gave no decision.
struct Failure {
    code: String,
    text: String,
}

impl Failure {
    fn invalid(text: &str) -> Self {
        Self { code: "invalid-answer".to_owned(), text: format!("the plugin's answer is not valid: {text}") }
    }
}

impl Link {
    /// Asks the filter about `message`, and its policy if it fails. The findings' offsets are still those
    /// of the text that it saw.
    pub(super) async fn ask(
        &self,
        message: &Submission,
        shared: &Arc<MessageWords>,
        rescan: bool,
    ) -> (Verdict, Receipt) {
        let begun = Instant::now();
        let asked = self.try_ask(message, shared, begun).await;
        let took = begun.elapsed();
        self.timing.record(took);
        let (decision, outcome) = match asked {
            Ok(decision) => {
                if let Some(watch) = &self.watch {
                    watch.decided(decision.verdict.strength());
                }
                (decision, Outcome::Decided)
            }
            Err(Failure { code, text }) => {
                if let Some(watch) = &self.watch {
                    watch.failed(&code, &text);
                }
                (self.policy.decide(message, shared), Outcome::Failed { code })
            }
        };
        let receipt = Receipt {
            installation: self.installation,
            plugin: Arc::clone(&self.plugin),
            version: Arc::clone(&self.version),
            digest: Arc::clone(&self.digest),
            config_digest: Arc::clone(&self.config_digest),
            verdict: decision.verdict.strength(),
            reason: decision.verdict.reason().cloned(),
            findings: decision.findings,
            outcome,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            rescan,
        };
        (decision.verdict, receipt)
    }

    async fn try_ask(
        &self,
        message: &Submission,
        shared: &Arc<MessageWords>,
        begun: Instant,
    ) -> Result<Decision, Failure> {
        let filter = match &self.engine {
            Engine::Live(filter) => filter,
            Engine::Missing { code, text } => return Err(Failure { code: code.clone(), text: text.clone() }),
        };
        let context = HookContext { lexicons: self.lists.lend(shared) };
        let mut check = filter.check(message, &context);
        // The runtime keeps the same deadline; this one binds whatever the runtime does. Most calls are
        // answered at once, and need no timer.
        let checked = match poll_once(&mut check).await {
            Poll::Ready(checked) => Ok(checked),
            Poll::Pending => timeout_at(begun + self.deadline, check).await,
        };
        let checked = match checked {
            Ok(checked) => checked.map_err(|error| Failure { code: error.code().to_owned(), text: error.to_string() }),
            Err(_) => {
                Err(Failure { code: "overrun".to_owned(), text: format!("the deadline of {:?} passed", self.deadline) })
            }
        };
        let mut decision = checked?;
        decision.findings.truncate(FINDINGS);
        shorten(&mut decision.verdict);
        if let Verdict::Rewrite { body } = &decision.verdict {
            admissible(body, &message.body).map_err(|text| Failure::invalid(&text))?;
        }
        Ok(decision)
    }
}

impl ListAccess {
    fn lend(&self, shared: &Arc<MessageWords>) -> Arc<dyn Lexicons> {
        match self {
            Self::None => Arc::new(NoLexicons),
            Self::All => Arc::clone(shared) as Arc<dyn Lexicons>,
            Self::Named(names) => Arc::new(GrantedWords { names: Arc::clone(names), words: Arc::clone(shared) }),
        }
    }
}

impl FailPolicy {
    /// What becomes of a message that the filter did not check.
    fn decide(self, message: &Submission, shared: &MessageWords) -> Decision {
        let reason = |code: &str, text: &str| Reason { code: code.to_owned(), text: text.to_owned() };
        match self {
            Self::Closed => Decision {
                verdict: Verdict::Hold { reason: reason("filter-failed", "a filter could not check this message") },
                findings: Vec::new(),
            },
            Self::Open => Decision { verdict: Verdict::Flag, findings: Vec::new() },
            Self::Lexicon => {
                let findings = shared.built_in(message.body.text().unwrap_or_default());
                let verdict = if findings.is_empty() {
                    Verdict::Flag
                } else {
                    Verdict::Hold { reason: reason("lexicon-hit", "the message has words of the built-in word lists") }
                };
                Decision { verdict, findings }
            }
        }
    }
}

/// Polls once, and says what came of it.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

/// Cuts a reason that is longer than what is kept.
fn shorten(verdict: &mut Verdict) {
    let (Verdict::Warn { reason }
    | Verdict::Hold { reason }
    | Verdict::Discard { reason }
    | Verdict::Reject { reason, .. }) = verdict
    else {
        return;
    };
    reason.code.truncate(reason.code.floor_char_boundary(REASON_CODE));
    reason.text.truncate(reason.text.floor_char_boundary(REASON_TEXT));
}

/// Whether a filter may put `new` in the place of `old`: within the limits of messages, and no other
/// file, since the sender may have no right to any other.
fn admissible(new: &Body, old: &Body) -> Result<(), String> {
    let within = |what: &str, length: usize, limit: usize| {
        if length == 0 || length > limit {
            return Err(format!("the rewritten {what} has {length} bytes, it must have 1 to {limit}"));
        }
        Ok(())
    };
    match (new, old) {
        (Body::Text { text }, _) => within("text", text.len(), TEXT),
        (Body::Custom { json, .. }, _) => {
            within("JSON", json.len(), CUSTOM)?;
            let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(json);
            parsed.map(|_| ()).map_err(|error| format!("the rewritten JSON is none: {error}"))
        }
        (Body::File { attachment: new }, Body::File { attachment: old })
            if (new.id, new.size, &new.sha256) == (old.id, old.size, &old.sha256) =>
        {
            within("file name", new.name.len(), 1_024)
        }
        (Body::File { .. }, _) => Err("the rewritten message carries another file".to_owned()),
    }
}
