//! The end of a reply: its one message in the log, and what follows from how it ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use warbler_domain::{
    Audience, Caution, Finding, HookError, InstallationId, MessageId, Outcome as CallOutcome, Reason, Receipt, Refusal,
    Strength, UserId,
};

use super::{Outcome, Reply};
use crate::agents::links::RULE;
use crate::agents::words::Phrase;
use crate::messages::Addition;
use crate::{Handled, NewBody, Send, Sent, ServiceError, messages};

/// How often a plugin that asks to be called again is, before people are told that it cannot answer.
const TRIES: u32 = 3;

/// The longest pause that a plugin may ask for, while someone waits for its answer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Most people that a reply mentions. It never mentions everybody.
const MENTIONS: usize = 5;

/// How a reply ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agents) enum Ending {
    /// As the agent wanted.
    Whole,
    /// Early: people see why.
    Marked(&'static str, Phrase),
    /// With an apology, and with people taking over.
    Sorry(Phrase, String),
    /// Taken back by a filter: a note stands in its place.
    TakenBack,
    /// Not written again: the host was stopped too often in the middle of it, perhaps by it.
    Interrupted {
        /// How often.
        times: u32,
    },
    /// Not yet: it is tried again.
    Again(String, Option<Duration>),
}

impl Ending {
    /// What became of a reply that ended so, once its message is committed.
    fn committed(&self) -> Ended {
        match self {
            Self::Interrupted { times } => {
                Ended::GivenUp(format!("the host was stopped {times} times in the middle of the reply"))
            }
            _ => Ended::Done,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agents) enum Ended {
    /// It is in the log, or with the moderators, or the agent chose silence.
    Done,
    /// People were told that it could not be written; an operator learns of its trigger.
    GivenUp(String),
    /// It is tried again.
    Again(String, Option<Duration>),
}

impl From<Ended> for Handled {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::GivenUp(reason) => Self::Park { reason },
            Ended::Again(reason, after) => Self::Retry { reason, after },
        }
    }
}

impl Reply {
    /// What an outcome means, at the `attempt`-th attempt.
    pub(in crate::agents) async fn judge_outcome(&self, outcome: Outcome, attempt: u32) -> Ending {
        let (said, violation) = self.said().await;
        if violation.is_some() {
            return Ending::TakenBack;
        }
        match outcome {
            Outcome::Complete => Ending::Whole,
            Outcome::Stopped => Ending::Marked("reply-stopped", Phrase::Stopped),
            Outcome::Broken => Ending::Marked("reply-cut", Phrase::CutShort),
            Outcome::Failed(error) => {
                let may_come_again = error.is_transient() && !matches!(error, HookError::Overrun { .. });
                if may_come_again && said.is_empty() && attempt < TRIES {
                    let after = match &error {
                        HookError::Refused(Refusal::Unavailable { after }) => Some((*after).min(LONGEST_WAIT)),
                        _ => None,
                    };
                    return Ending::Again(error.to_string(), after);
                }
                self.sorry(format!("the agent failed: {}", error.code()))
            }
        }
    }

    /// An apology for a failure.
    pub(in crate::agents) fn sorry(&self, reason: String) -> Ending {
        let phrase = if self.over_budget.load(Ordering::Relaxed) { Phrase::OverBudget } else { Phrase::Apology };
        Ending::Sorry(phrase, reason)
    }

    /// What people read at the end of a reply that failed: why, and what happens next.
    fn regret(&self, phrase: Phrase) -> String {
        let is_support = self.trigger.kind == warbler_domain::ConversationKind::Support;
        let next = if is_support { Phrase::HandedOver } else { Phrase::Told };
        format!("{}{}", phrase.text(self.language), next.text(self.language))
    }

    /// Brings the reply to its end.
    pub(in crate::agents) async fn end(self: &Arc<Self>, ending: Ending) -> Result<Ended, ServiceError> {
        let (text, caution) = match &ending {
            Ending::Again(reason, after) => {
                count(&ending);
                return Ok(Ended::Again(reason.clone(), *after));
            }
            Ending::Whole => (self.said().await.0, None),
            // What people saw stands; what the filters did not see yet goes.
            Ending::Marked(code, phrase) => (self.marked(&ending).await, Some(self.caution(code, *phrase))),
            Ending::Sorry(phrase, reason) => {
                self.handed_off.lock().get_or_insert_with(|| reason.clone());
                let said = self.said().await.0;
                let sorry = self.regret(*phrase);
                let caution = (!said.trim().is_empty()).then(|| self.caution("reply-interrupted", Phrase::CutShort));
                (if said.trim().is_empty() { sorry } else { format!("{}\n\n{sorry}", said.trim_end()) }, caution)
            }
            Ending::TakenBack => (Phrase::Withdrawn.text(self.language).to_owned(), None),
            Ending::Interrupted { .. } => {
                self.handed_off.lock().get_or_insert_with(|| "the host was stopped in its reply".to_owned());
                let caution = self.caution("reply-interrupted", Phrase::CutShort);
                (Phrase::Interrupted.text(self.language).to_owned(), Some(caution))
            }
        };
        self.stop_asking().await?;
        let committed = self.commit(text, caution).await;
        let ended = match committed {
            Ok(()) => ending.committed(),
            // A reply that broke a rule as a whole: the note in its place is the host's own.
            Err(ServiceError::MessageRejected { .. }) => {
                self.withdraw(self.withdrawal()).await;
                self.commit(Phrase::Withdrawn.text(self.language).to_owned(), None).await?;
                ending.committed()
            }
            Err(error) if error.is_transient() => Ended::Again(error.to_string(), None),
            Err(error) => return Err(error),
        };
        self.pass_on().await?;
        count(&ending);
        Ok(ended)
    }

    async fn marked(&self, ending: &Ending) -> String {
        if matches!(ending, Ending::Marked("reply-stopped", _)) {
            return self.seen().await;
        }
        self.said().await.0
    }

    fn caution(&self, code: &str, phrase: Phrase) -> Caution {
        Caution { code: code.to_owned(), text: phrase.text(self.language).to_owned() }
    }

    /// Commits the reply's message, if there is anything to say.
    async fn commit(&self, text: String, caution: Option<Caution>) -> Result<(), ServiceError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let most = self.inner.core.options.messages.text.as_usize();
        let text = text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned();
        let missing = self.sources.lock().missing(&text);
        let links = (!missing.is_empty()).then(|| self.caution(RULE, Phrase::UnsourcedLink));
        let addition = Addition {
            id: Some(self.id),
            caution: caution.or(links),
            receipts: if missing.is_empty() { Vec::new() } else { vec![receipt(missing)] },
        };
        let mentions = self.mentions(&text).await?;
        let send = Send {
            conversation: self.trigger.conversation,
            key: self.key(),
            body: NewBody::Text { text },
            reply_to: self.answered(),
            mentions,
        };
        let core = &*self.inner.core;
        let prepared = match messages::prepare_with(core, &self.caller, send, addition).await {
            // It is there already, written before the host was stopped.
            Err(ServiceError::KeyReused) => return Ok(()),
            prepared => prepared?,
        };
        // No state of the reply may come after the message that takes its place.
        core.hub.settle().await?;
        match messages::commit(core, prepared).await {
            Ok(Sent::Committed(event)) if event.audience == Audience::Members => Ok(()),
            Ok(Sent::Committed(_) | Sent::Held { .. }) => {
                self.withdraw(self.withdrawal()).await;
                Ok(())
            }
            Err(ServiceError::KeyReused) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// In a group people see what is answered; elsewhere it is plain.
    fn answered(&self) -> Option<MessageId> {
        (self.trigger.kind == warbler_domain::ConversationKind::Group).then_some(self.trigger.id)
    }

    /// The people whose names the text calls with an `@`. Never everybody.
    async fn mentions(&self, text: &str) -> Result<Vec<UserId>, ServiceError> {
        if !text.contains('@') {
            return Ok(Vec::new());
        }
        let mut called = Vec::new();
        let others = self.room.members().iter().filter(|user| **user != self.agent.user);
        for user in others.clone() {
            let Some(person) = self.inner.core.person(&self.scope, *user).await? else { continue };
            let profile = person.profile.load();
            if calls(text, &profile.name) || calls(text, &profile.login) {
                called.push(*user);
            }
            if called.len() > MENTIONS {
                return Ok(Vec::new());
            }
        }
        let everybody = others.count();
        Ok(if called.len() == everybody && everybody > 1 { Vec::new() } else { called })
    }
}

fn count(ending: &Ending) {
    let outcome = match ending {
        Ending::Whole => "whole",
        Ending::Marked(code, _) => code,
        Ending::Sorry(..) => "failed",
        Ending::TakenBack => "withdrawn",
        Ending::Interrupted { .. } => "interrupted",
        Ending::Again(..) => "again",
    };
    metrics::counter!("agent_replies_total", "outcome" => outcome).increment(1);
}

/// Whether `text` calls `name` with an `@` before it and no letter after it.
fn calls(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let called = rest.get(..name.len()).is_some_and(|called| called.eq_ignore_ascii_case(name));
        let next = rest.get(name.len()..).and_then(|rest| rest.chars().next());
        if called && !name.is_empty() && next.is_none_or(|next| !next.is_ascii_alphanumeric()) {
            return true;
        }
    }
    false
}

/// What the host found in a reply.
fn receipt(findings: Vec<Finding>) -> Receipt {
    Receipt {
        installation: InstallationId::from_uuid(uuid::Uuid::nil()),
        plugin: "host".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        digest: "".into(),
        config_digest: "".into(),
        verdict: Strength::Warn,
        reason: Some(Reason { code: RULE.to_owned(), text: "a link comes from no source".to_owned() }),
        findings,
        outcome: CallOutcome::Decided,
        took_us: 0,
        rescan: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_called_whole() {
        assert!(calls("ask @Ann, please", "ann"));
        assert!(calls("请 @小明看", "小明"));
        assert!(!calls("ask @Anna", "ann"));
        assert!(!calls("ann@example.com", "ann"));
        assert!(!calls("@", ""));
    }
}
