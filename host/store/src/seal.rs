//! Sealing: nothing reaches a disk readable. A key per tenant, wrapped under the operator's master
//! key, and from it a key per conversation or family of state (HKDF, RFC 5869); AES-256-GCM with
//! random nonces. The associated data names tenant, kind, key and format, so that a value which was
//! moved elsewhere does not open. Where sealed bytes are kept does not live here.

mod chunks;
mod cipher;
mod keyring;
mod master;
mod wrapped;

pub(crate) use chunks::{BlobKey, CHUNK, HEADER, TAG};
pub(crate) use cipher::{Draft, Subkey, TenantKey};
pub(crate) use keyring::{KeyFile, Keyring};
pub use master::{BadMasterKey, MasterKey};
