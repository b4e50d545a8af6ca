//! The relays by their names, as the runtime asks for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use warbler_domain::{Clock, Letter, MailError, MailRelay, MailRelays, Posted, TenantId};

use crate::relay::Relay;
use crate::{MailSetupError, RelayOptions};

/// All relays that the operator named.
pub struct Relays {
    relays: BTreeMap<String, Arc<Relay>>,
    clock: Arc<dyn Clock>,
}

impl Relays {
    /// None yet. `clock` dates the letters.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { relays: BTreeMap::new(), clock }
    }

    /// Adds a relay, in the place of one of the same name. Nothing is sent to it before the first letter.
    ///
    /// # Errors
    /// - [`MailSetupError::Sender`]: letters cannot come from such an address.
    /// - [`MailSetupError::Host`]: the host is neither a name nor an address.
    /// - [`MailSetupError::Tls`]: a trusted certificate does not parse.
    pub fn add(&mut self, name: impl Into<String>, options: RelayOptions) -> Result<(), MailSetupError> {
        let name = name.into();
        let relay = Relay::new(name.clone(), options, Arc::clone(&self.clock))?;
        self.relays.insert(name, Arc::new(relay));
        Ok(())
    }
}

impl MailRelays for Relays {
    fn open(&self, tenant: TenantId, name: &str) -> Option<Arc<dyn MailRelay>> {
        let relay = Arc::clone(self.relays.get(name).filter(|relay| relay.admits(tenant))?);
        Some(Arc::new(OfTenant { relay, tenant }))
    }
}

/// A relay, for one tenant.
struct OfTenant {
    relay: Arc<Relay>,
    tenant: TenantId,
}

#[async_trait]
impl MailRelay for OfTenant {
    async fn send(&self, letter: Letter) -> Result<Posted, MailError> {
        self.relay.send(self.tenant, &letter).await
    }
}
