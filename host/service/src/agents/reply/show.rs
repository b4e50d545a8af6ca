//! Showing a reply while it grows: filters first, then people, at a pace that spares both.

use std::time::Duration;

use tokio::time::Instant;
use warbler_domain::{Body, Party, Reason, Signal, Submission, Verdict};

use super::{Reply, Show};
use crate::agents::words::Phrase;
use crate::audit::{Judged, NewEntry};
use crate::filters::Judgement;

/// The least time between two frames of a reply: tokens of the fastest models come about as often.
const PACE: Duration = Duration::from_millis(8);

/// The longest time between them.
const SLOWEST: Duration = Duration::from_millis(50);

/// What a reader gets of one reply at the most, in bytes a second. A frame holds the whole text, so that
/// frames of a long reply come further apart.
const RATE: u64 = 1 << 20;

/// How long text waits for the end of its sentence before the filters are asked about what there is.
const PATIENCE: Duration = Duration::from_millis(120);

impl Reply {
    /// Adds to the text.
    pub(in crate::agents) async fn say(&self, text: &str) -> Result<(), String> {
        if self.stop.is_cancelled() {
            return Err("a person stopped the reply".to_owned());
        }
        let mut show = self.growing.lock().await;
        if let Some(reason) = &show.violation {
            return Err(format!("a filter took the reply back: {}", reason.code));
        }
        let most = self.inner.core.options.messages.text.as_usize();
        if show.is_full || !show.text.push(text, most) {
            show.is_full = true;
            self.broken.cancel();
            return Err(format!("the reply is longer than {most} bytes"));
        }
        self.step(&mut show).await;
        match &show.violation {
            Some(reason) => Err(format!("a filter took the reply back: {}", reason.code)),
            None => Ok(()),
        }
    }

    /// Everything said, whatever was shown of it.
    pub(super) async fn said(&self) -> (String, Option<Reason>) {
        let show = self.growing.lock().await;
        (show.text.raw().to_owned(), show.violation.clone())
    }

    /// What people have seen of it.
    pub(super) async fn seen(&self) -> String {
        self.growing.lock().await.text.shown().to_owned()
    }

    /// Checks and shows text that the agent does not follow up with more. Never ends.
    pub(super) async fn keep_showing(&self) {
        loop {
            self.nudge.notified().await;
            loop {
                let pause = self.growing.lock().await.pause();
                let Some(pause) = pause else { break };
                tokio::time::sleep(pause).await;
                let mut show = self.growing.lock().await;
                self.step(&mut show).await;
            }
        }
    }

    /// Checks what is due and tells people, or leaves it for later.
    async fn step(&self, show: &mut Show) {
        if show.has_filters {
            self.check(show).await;
        } else {
            show.text.pass_all();
        }
        if show.violation.is_some() {
            return;
        }
        if show.is_news() && show.until_told().is_zero() {
            self.tell(show).await;
        }
        if show.pause().is_some() {
            self.nudge.notify_one();
        }
    }

    async fn check(&self, show: &mut Show) {
        let waited = show.checked_at.elapsed() >= PATIENCE;
        let Some(window) = show.text.due(waited) else { return };
        let text = show.text.text(window).to_owned();
        show.checked_at = Instant::now();
        let judgement = self.judge(text.clone()).await;
        match &judgement.merged.verdict {
            Verdict::Pass | Verdict::Flag | Verdict::Warn { .. } => show.text.passed(window, &text),
            Verdict::Rewrite { .. } => {
                let rewritten = judgement.body.text().unwrap_or_default().to_owned();
                show.text.passed(window, &rewritten);
                show.rewritten = true;
            }
            Verdict::Hold { .. } | Verdict::Discard { .. } | Verdict::Reject { .. } => {
                self.take_back(show, &judgement).await;
            }
        }
    }

    /// A filter objects to what may have been shown in part: all of it goes.
    async fn take_back(&self, show: &mut Show, judgement: &Judgement) {
        let judged =
            Judged { message: self.id, conversation: self.trigger.conversation, sender: self.agent.user, edit: false };
        if let Some(entry) = NewEntry::decision(&judged, judgement)
            && let Err(error) = self.inner.core.audit.record(&self.scope, entry).await
        {
            tracing::error!(%error, "a withdrawn reply is missing from the audit log");
        }
        metrics::counter!("agent_replies_withdrawn_total").increment(1);
        // People are told that it broke a rule, and not which word did it.
        let reason = match &judgement.merged.verdict {
            Verdict::Reject { reason, .. } => reason.clone(),
            _ => self.withdrawal(),
        };
        show.violation = Some(reason.clone());
        self.withdraw(reason).await;
        self.broken.cancel();
    }

    /// The reason that people are given for a reply that is taken back.
    pub(super) fn withdrawal(&self) -> Reason {
        Reason { code: "withdrawn".to_owned(), text: Phrase::Withdrawn.text(self.language).to_owned() }
    }

    /// Tells people that nothing of the reply may be shown any more.
    pub(super) async fn withdraw(&self, reason: Reason) {
        self.publish("", Some(reason)).await;
    }

    async fn tell(&self, show: &mut Show) {
        let text = show.text.shown();
        (show.told, show.told_at, show.rewritten) = (text.len(), Some(Instant::now()), false);
        self.publish(show.text.shown(), None).await;
    }

    async fn publish(&self, text: &str, withdrawn: Option<Reason>) {
        let signal = Signal::Reply {
            conversation: self.trigger.conversation,
            message: self.id,
            user: self.agent.user,
            text: text.into(),
            withdrawn,
        };
        if let Err(error) = self.inner.core.ports.feed.publish(&self.scope, signal).await {
            tracing::debug!(%error, "a growing reply was not shown");
        }
    }

    async fn judge(&self, text: String) -> Judgement {
        let profile = self.caller.profile();
        let submission = Submission {
            id: self.id,
            conversation: self.trigger.conversation,
            kind: self.trigger.kind,
            sequence: None,
            sender: Party { id: profile.id, name: profile.name.clone(), role: profile.role },
            sent_at: self.inner.core.now(),
            body: Body::Text { text },
            reply_to: None,
            mentions: Vec::new(),
            edit: false,
        };
        self.inner.core.filters.judge(&self.scope, submission).await
    }
}

impl Show {
    /// Whether people have not been told of all that may be shown.
    fn is_news(&self) -> bool {
        self.rewritten || self.text.shown().len() != self.told
    }

    /// Time until people may be told again.
    fn until_told(&self) -> Duration {
        self.told_at.map_or(Duration::ZERO, |at| pace(self.text.shown().len()).saturating_sub(at.elapsed()))
    }

    /// Time until there is something to do without the agent; nothing if there is nothing.
    fn pause(&self) -> Option<Duration> {
        if self.violation.is_some() {
            return None;
        }
        let tell = self.is_news().then(|| self.until_told());
        let is_due = self.has_filters && self.text.due(true).is_some();
        let check = is_due.then(|| PATIENCE.saturating_sub(self.checked_at.elapsed()));
        [tell, check].into_iter().flatten().min()
    }
}

/// The time between two frames that hold `length` bytes each.
fn pace(length: usize) -> Duration {
    let bytes = u64::try_from(length).unwrap_or(u64::MAX);
    Duration::from_micros(bytes.saturating_mul(1_000_000) / RATE).clamp(PACE, SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_further_apart_as_they_grow() {
        assert_eq!(pace(0), PACE);
        assert_eq!(pace(16 << 10), Duration::from_micros(15_625));
        assert_eq!(pace(1 << 20), SLOWEST);
        assert_eq!(pace(usize::MAX), SLOWEST);
    }
}
