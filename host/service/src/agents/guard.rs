//! Guards against agents that talk to each other without end. They look at the log, so that they hold on
//! every node and after a restart.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{Audience, ConversationId, Event, EventKind, Role, Sequence, TenantScope, Timestamp};

use super::record::AgentSettings;
use crate::ServiceError;
use crate::core::Core;

/// Messages that are looked back over: more than any limit of hops or of a window.
const REACH: usize = 1_024;
const PAGE: usize = 64;

/// Why an agent does not answer an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// Too many messages of agents in a row.
    Hops {
        /// The limit.
        most: u32,
    },
    /// Too many replies within the window.
    Window {
        /// The limit.
        most: u32,
    },
}

impl Loop {
    /// A stable code.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Hops { .. } => "agent-hops",
            Self::Window { .. } => "agent-window",
        }
    }
}

/// Messages of agents since a person last said something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Streak {
    /// When each was posted, the latest first.
    pub(super) at: Vec<Timestamp>,
}

impl Streak {
    /// Whether the rules let an agent answer at the end of this.
    pub(super) fn check(&self, settings: &AgentSettings, now: Timestamp) -> Result<(), Loop> {
        let most = usize::try_from(settings.most_hops).unwrap_or(usize::MAX);
        if self.at.len() > most {
            return Err(Loop::Hops { most: settings.most_hops });
        }
        let recent = self.at.iter().filter(|at| now.since(**at) < settings.window()).count();
        if recent >= usize::try_from(settings.window_replies).unwrap_or(usize::MAX) {
            return Err(Loop::Window { most: settings.window_replies });
        }
        Ok(())
    }
}

/// The streak that ends with the event at `last`.
pub(super) async fn streak(
    core: &Core,
    scope: &TenantScope,
    conversation: ConversationId,
    last: Sequence,
    longest: Duration,
) -> Result<Streak, ServiceError> {
    let (mut before, mut streak, mut looked) = (last.next(), Streak::default(), 0);
    let now = core.now();
    while looked < REACH {
        let page = core.ports.log.read_before(scope, conversation, before, PAGE).await?;
        for event in &page {
            let Some(sender) = poster(event) else { continue };
            let person = core.person(scope, sender).await?;
            if person.is_none_or(|person| person.profile.load().role != Role::Agent) {
                return Ok(streak);
            }
            streak.at.push(event.at);
        }
        looked += page.len();
        match page.last() {
            Some(oldest) if page.len() == PAGE && now.since(oldest.at) < longest => before = oldest.sequence,
            _ => break,
        }
    }
    Ok(streak)
}

/// Who said something that everybody heard.
fn poster(event: &Arc<Event>) -> Option<warbler_domain::UserId> {
    let is_heard = event.audience == Audience::Members && matches!(event.kind, EventKind::Posted { .. });
    is_heard.then_some(event.actor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64]) -> Streak {
        Streak { at: seconds.iter().map(|s| Timestamp::from_millis(s * 1_000)).collect() }
    }

    #[test]
    fn hops_are_counted_since_a_person_spoke() {
        let settings = AgentSettings::default();
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!(at(&[]).check(&settings, now), Ok(()));
        assert_eq!(at(&[3, 2, 1]).check(&settings, now), Ok(()));
        assert_eq!(at(&[4, 3, 2, 1]).check(&settings, now), Err(Loop::Hops { most: 3 }));
    }

    #[test]
    fn the_window_slides() {
        let settings =
            AgentSettings { most_hops: 20, window_replies: 2, window_seconds: 10, ..AgentSettings::default() };
        assert_eq!(at(&[100, 99]).check(&settings, Timestamp::from_millis(101_000)), Err(Loop::Window { most: 2 }));
        assert_eq!(at(&[100, 99]).check(&settings, Timestamp::from_millis(109_500)), Ok(()));
    }
}
