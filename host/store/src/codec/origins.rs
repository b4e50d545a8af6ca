//! The origins of receipts in memory: which digest names which, so that neither writers nor readers
//! work it out or look it up again for every message.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use warbler_domain::{InstallationId, Receipt, StoreError, TenantId};

use super::receipts::{Origin, OriginId};

/// Most origins that are remembered, some 400 bytes each. A host has a few for each installation.
const REMEMBERED: usize = 4096;

/// An origin with the digest that names it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) id: OriginId,
    pub(crate) origin: Origin,
}

/// For writers: the last origin of each installation.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<HashMap<InstallationId, Arc<Named>>>);

impl Names {
    /// The origin of `receipt`.
    pub(super) fn of(&self, receipt: &Receipt) -> Arc<Named> {
        let known = self.0.read().get(&receipt.installation).cloned();
        if let Some(named) = known.filter(|named| named.origin.is_of(receipt)) {
            return named;
        }
        let origin = Origin::of(receipt);
        let named = Arc::new(Named { id: origin.id(), origin });
        let mut remembered = self.0.write();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(receipt.installation, Arc::clone(&named));
        named
    }
}

/// For readers: the origins that were read so far.
#[derive(Debug, Default)]
pub(crate) struct Origins(RwLock<HashMap<(TenantId, OriginId), Arc<Origin>>>);

impl Origins {
    /// The origin of this name, read by `read` if it was not before.
    pub(crate) fn get(
        &self,
        tenant: TenantId,
        id: OriginId,
        read: impl FnOnce() -> Result<Origin, StoreError>,
    ) -> Result<Arc<Origin>, StoreError> {
        if let Some(origin) = self.0.read().get(&(tenant, id)) {
            return Ok(Arc::clone(origin));
        }
        let origin = Arc::new(read()?);
        let mut origins = self.0.write();
        if origins.len() >= REMEMBERED {
            origins.clear();
        }
        origins.insert((tenant, id), Arc::clone(&origin));
        Ok(origin)
    }
}
