//! The service as a whole: its areas, and how it starts and stops.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::attachments::Attachments;
use crate::authentication::Authentication;
use crate::conversations::Conversations;
use crate::core::Core;
use crate::live::{Connections, Dispatcher, Hub, spread_presence};
use crate::members::Members;
use crate::messages::Messages;
use crate::plugin_wiring::Extensions;
use crate::review::Review;
use crate::tenants::Tenants;
use crate::{Options, Ports, ServiceError, Tasks};

/// Everything that Warbler does, by area.
pub struct Service {
    /// Sign-in and sessions.
    pub authentication: Authentication,
    /// Tenants and their policies.
    pub tenants: Tenants,
    /// Accounts.
    pub members: Members,
    /// Conversations.
    pub conversations: Conversations,
    /// Messages.
    pub messages: Messages,
    /// Held messages.
    pub review: Review,
    /// Files.
    pub attachments: Attachments,
    /// Live delivery.
    pub live: Connections,
    /// Plugins, whom they may come from, word lists, and the audit log.
    pub extensions: Extensions,
    core: Arc<Core>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    /// Starts: reads the tenants, loads their plugins, and follows the log. No plugin that fails to load
    /// keeps it from starting.
    ///
    /// # Errors
    /// The tenants could not be read.
    pub async fn start(ports: Ports, options: Options, tasks: Tasks) -> Result<Arc<Self>, ServiceError> {
        let extensions = Extensions::new(&ports, &tasks, options.plugins.clone());
        let (hub, inbox) = Hub::new();
        // From before the first request on, so that nobody misses what the first one does.
        let (log, signals) = (ports.log.follow(), ports.feed.subscribe());
        let (presence, presence_work) = mpsc::unbounded_channel();
        let (feed, state) = (Arc::clone(&ports.feed), Arc::clone(&ports.state));
        let core = Arc::new(Core::new(
            ports,
            options,
            tasks.clone(),
            extensions.audit.clone(),
            extensions.filters.clone(),
            hub.clone(),
        ));
        core.follow();
        let tenants = Tenants::new(Arc::clone(&core), extensions.clone());
        let known = tenants.load().await?;
        extensions.start(&known).await;
        tasks.spawn(Dispatcher::new(presence).run(inbox, log, signals));
        tasks.spawn(spread_presence(presence_work, hub, feed, state));
        let authentication = Authentication::new(Arc::clone(&core));
        authentication.keep_sweeping();
        Ok(Arc::new(Self {
            authentication,
            tenants,
            members: Members::new(Arc::clone(&core)),
            conversations: Conversations::new(Arc::clone(&core)),
            messages: Messages::new(Arc::clone(&core)),
            review: Review::new(Arc::clone(&core)),
            attachments: Attachments::new(Arc::clone(&core)),
            live: Connections::new(Arc::clone(&core)),
            extensions,
            core,
        }))
    }

    /// Stops: writes when sessions were last active, and ends the background tasks. Connections are told
    /// that the host is closing.
    pub async fn stop(&self) {
        self.authentication.sweep().await;
        self.core.tasks.finish().await;
    }
}
