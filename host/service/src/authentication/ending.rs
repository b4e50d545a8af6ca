//! Sessions that are being ended here, so that the store's notice of it is understood.

use std::collections::HashMap;

use parking_lot::Mutex;
use warbler_domain::SessionId;

use crate::EndReason;

/// Sessions that are being ended, and why.
#[derive(Default)]
pub(crate) struct Ending {
    reasons: Mutex<HashMap<SessionId, EndReason>>,
}

impl Ending {
    /// Says why these sessions end, until what is returned is dropped.
    pub(super) fn announce(&self, sessions: impl Iterator<Item = SessionId>, reason: EndReason) -> Announced<'_> {
        let sessions: Vec<_> = sessions.collect();
        self.reasons.lock().extend(sessions.iter().map(|session| (*session, reason)));
        Announced { ending: self, sessions }
    }

    /// Why a session ended: as announced, or by another node.
    pub(crate) fn reason(&self, session: SessionId) -> EndReason {
        self.reasons.lock().get(&session).copied().unwrap_or(EndReason::Revoked)
    }
}

/// An announcement, taken back when it is dropped.
pub(super) struct Announced<'a> {
    ending: &'a Ending,
    sessions: Vec<SessionId>,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        let mut reasons = self.ending.reasons.lock();
        for session in &self.sessions {
            reasons.remove(session);
        }
    }
}
