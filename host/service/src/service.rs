//! The service as a whole: its areas, and how it starts and stops.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;
use warbler_domain::TenantScope;

use crate::agents::{Agents, KnowledgeBase, Models, Support, Tools};
use crate::attachments::Attachments;
use crate::audit::Audit;
use crate::authentication::Authentication;
use crate::backup::Backups;
use crate::consumers::{Consumers, Letters};
use crate::conversations::Conversations;
use crate::core::Core;
use crate::installation::{PluginOptions, Plugins};
use crate::lexicon::WordLists;
use crate::live::{Connections, Dispatcher, Hub, spread_presence};
use crate::members::Members;
use crate::messages::Messages;
use crate::plugin_wiring::Extensions;
use crate::ports::Tasks;
use crate::publisher::Publishers;
use crate::push::Push;
use crate::review::Review;
use crate::tenants::Tenants;
use crate::{Options, Ports, ServiceError, records};

/// Everything that Warbler does, by area. Clones are the same service.
#[derive(Clone)]
pub struct Service {
    core: Arc<Core>,
    extensions: Extensions,
    consumers: Consumers,
    agents: Agents,
    backups: Backups,
    push: Push,
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
    pub async fn start(ports: Ports, options: Options, plugins: PluginOptions) -> Result<Self, ServiceError> {
        let tasks = Tasks::default();
        let extensions = Extensions::new(&ports, &tasks, plugins);
        let (hub, inbox) = Hub::new();
        // From before the first request on, so that nobody misses what the first one does.
        let (log, signals) = (ports.log.follow(), ports.feed.subscribe());
        let (consumers, consumed) = (Consumers::new(&ports, &tasks), ports.log.follow());
        let (presence, presence_work) = mpsc::unbounded_channel();
        let (feed, state) = (Arc::clone(&ports.feed), Arc::clone(&ports.state));
        let (audit, filters) = (extensions.audit.clone(), extensions.filters.clone());
        let core = Arc::new(Core::new(ports, options, tasks.clone(), audit, filters, hub.clone()));
        core.follow();
        let agents = Agents::new(&core, extensions.plugins.clone());
        let (lists, plugins) = (extensions.word_lists.clone(), Arc::new(extensions.plugins.clone()));
        let backups = Backups::new(Arc::clone(&core), lists, plugins);
        let push = Push::new(&core, &extensions.plugins);
        let service = Self { core, extensions, consumers, agents, backups, push };
        let known = service.tenants().load().await?;
        service.extensions.start(&known).await;
        service.agents.start(&known, &service.consumers).await?;
        tasks.spawn(Dispatcher::new(presence).run(inbox, log, signals));
        tasks.spawn(spread_presence(presence_work, hub, feed, state));
        service.push.start(&known, &service.consumers).await?;
        service.consumers.start(&known, consumed);
        service.authentication().keep_sweeping();
        service.backups.keep_looking();
        service.backups.keep_expiring();
        Ok(service)
    }

    /// Sign-in and sessions.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        Authentication::new(Arc::clone(&self.core))
    }

    /// Tenants and their policies.
    #[must_use]
    pub fn tenants(&self) -> Tenants {
        Tenants::new(Arc::clone(&self.core), self.extensions.clone())
    }

    /// Accounts.
    #[must_use]
    pub fn members(&self) -> Members {
        Members::new(Arc::clone(&self.core))
    }

    /// Conversations.
    #[must_use]
    pub fn conversations(&self) -> Conversations {
        Conversations::new(Arc::clone(&self.core))
    }

    /// Messages.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages::new(Arc::clone(&self.core))
    }

    /// Held messages.
    #[must_use]
    pub fn review(&self) -> Review {
        Review::new(Arc::clone(&self.core))
    }

    /// Files.
    #[must_use]
    pub fn attachments(&self) -> Attachments {
        Attachments::new(Arc::clone(&self.core))
    }

    /// Notifications for people who are away.
    #[must_use]
    pub const fn push(&self) -> &Push {
        &self.push
    }

    /// Live delivery.
    #[must_use]
    pub fn live(&self) -> Connections {
        Connections::new(Arc::clone(&self.core))
    }

    /// The tenants' agents.
    #[must_use]
    pub const fn agents(&self) -> &Agents {
        &self.agents
    }

    /// The models that an operator set up.
    #[must_use]
    pub fn models(&self) -> &Models {
        self.agents.models()
    }

    /// Support conversations and their queue.
    #[must_use]
    pub fn support(&self) -> Support {
        self.agents.support()
    }

    /// The tool servers of agents.
    #[must_use]
    pub fn tools(&self) -> Tools {
        self.agents.tools()
    }

    /// The tenants' documents.
    #[must_use]
    pub fn knowledge(&self) -> KnowledgeBase {
        self.agents.knowledge()
    }

    /// Durable consumers: work that is driven from the log.
    #[must_use]
    pub const fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// What durable consumers gave up.
    #[must_use]
    pub fn dead_letters(&self) -> Letters {
        Letters::new(Arc::clone(&self.core), self.consumers.clone())
    }

    /// Backups and restores.
    #[must_use]
    pub const fn backups(&self) -> &Backups {
        &self.backups
    }

    /// What tenants have installed.
    #[must_use]
    pub const fn plugins(&self) -> &Plugins {
        &self.extensions.plugins
    }

    /// Whom plugins may come from.
    #[must_use]
    pub const fn publishers(&self) -> &Publishers {
        &self.extensions.publishers
    }

    /// The tenants' word lists.
    #[must_use]
    pub const fn word_lists(&self) -> &WordLists {
        &self.extensions.word_lists
    }

    /// The audit logs. Who may read them is the caller's question: `Right::ReadAudit`.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.extensions.audit
    }

    #[cfg(test)]
    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    #[cfg(test)]
    pub(crate) const fn filters(&self) -> &crate::filters::FilterChains {
        &self.extensions.filters
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// `Unavailable` when the service is closed, or the store failed.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        if self.core.tasks.stop().is_cancelled() {
            return Err(ServiceError::Unavailable { what: "it is closing" });
        }
        let scope = TenantScope::operator();
        self.core.ports.state.get(&scope, &records::owners()).await?;
        // Writes nothing, and fails like any write if the store has stopped writing.
        self.core.ports.state.commit(&scope, Vec::new()).await?;
        Ok(())
    }

    /// Stops: writes when sessions were last active, and ends the background tasks. Connections are told
    /// that the host is closing.
    pub async fn close(&self) {
        self.authentication().sweep().await;
        self.core.tasks.finish().await;
    }
}
