//! The regular look at the sessions in memory: those that are over are ended, even if nobody asks, and
//! the times of their last activity are written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use warbler_domain::Timestamp;

use super::session::{self, SessionRecord};
use super::{Authentication, Session};
use crate::core::Core;
use crate::{ServiceError, records};

impl Authentication {
    /// Sweeps as often as the options say, until the service stops.
    pub(crate) fn keep_sweeping(&self) {
        let (core, every) = (Arc::clone(&self.core), self.core.options.session_sweep);
        let sweeps = self.clone();
        core.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                sweeps.sweep().await;
            }
        });
    }

    /// Ends sessions that are over, and writes when the others were last active. Runs by itself as often
    /// as the options say.
    pub async fn sweep(&self) {
        let sessions = self.core.sessions.all();
        #[allow(clippy::cast_precision_loss)] // A gauge; nobody counts past 2^52 sessions.
        self.core.meters.sessions.set(sessions.len() as f64);
        for live in sessions {
            let done = match session::due(&self.core, &live) {
                Some(reason) => session::end(&self.core, &live.scope, &[live.key()], reason).await,
                None => write_activity(&self.core, &live).await,
            };
            if let Err(error) = done {
                // The next sweep tries again.
                tracing::warn!(%error, session = %live.id, "a session could not be swept");
            }
        }
    }
}

async fn write_activity(core: &Core, live: &Session) -> Result<(), ServiceError> {
    let active_at = live.active_at.load(Ordering::Relaxed);
    if active_at <= live.written_at.load(Ordering::Relaxed) || live.ended().is_some() {
        return Ok(());
    }
    let key = records::session(live.person.id, live.id);
    let found = records::get::<SessionRecord>(&*core.ports.state, &live.scope, &key, "session").await?;
    let Some((mut record, expect)) = found else { return Ok(()) };
    record.active_at = record.active_at.max(Timestamp::from_millis(active_at));
    // Expecting the same version keeps this from bringing back a session that is ended meanwhile.
    core.ports.state.commit(&live.scope, vec![records::put(key, &record, expect)?]).await?;
    live.written_at.fetch_max(active_at, Ordering::Relaxed);
    Ok(())
}
