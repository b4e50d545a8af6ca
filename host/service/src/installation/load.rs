//! From an edition to a loaded plugin that has answered a harmless message. Live traffic is not touched.

use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{
    Body, ContentFilter, ConversationId, ConversationKind, HookContext, HookLimits, InstallationId, LoadRequest,
    LoadedPlugin, LogLevel, MessageId, Party, PluginLog as _, PluginPorts, Role, Submission, TenantScope, UserId,
};
use warbler_package::{Granted, Package, TrustPolicy, Verified, check_grants, verify};

use super::log::LogRing;
use super::record::{Edition, Record, SignedBy, grants};
use super::storage::Storage;
use super::{Inner, packages};
use crate::ServiceError;
use crate::filters::MessageWords;
use crate::plugin_error::{PluginError, Step};

/// How often a plugin may miss its deadline on the harmless message: a first call on a busy machine may.
const ATTEMPTS: usize = 3;

/// What a harmless message says.
const HARMLESS: &str = "Hello, are we still meeting at noon?";

/// The steps that loading takes.
pub(super) const STEPS: [Step; 5] = [Step::Grants, Step::Compile, Step::Instantiate, Step::Init, Step::SelfTest];

impl Inner {
    /// Verifies a package as of `now`, in milliseconds since the Unix epoch.
    pub(super) async fn verify(
        &self,
        bytes: &Bytes,
        signatures: &[String],
        policy: TrustPolicy,
        now: u64,
    ) -> Result<(Verified, Vec<SignedBy>), ServiceError> {
        let (bytes, signatures) = (bytes.clone(), signatures.to_vec());
        let (limits, host) = (self.options.packages.clone(), self.options.host.clone());
        // Hashing and reading up to 64 MiB would hold up whatever else this thread serves.
        let verified = tokio::task::spawn_blocking(move || {
            let signatures: Vec<&str> = signatures.iter().map(String::as_str).collect();
            let verified = verify(&bytes, &signatures, &policy, &limits, &host, now)?;
            let signers = signed_by(&verified, &policy);
            Ok::<_, PluginError>((verified, signers))
        });
        Ok(verified.await.map_err(|_| ServiceError::Internal { what: "verifying a package" })??)
    }

    /// Reads an edition's package from the store and checks it once more: it may have been revoked, and
    /// the store may have been tampered with.
    pub(super) async fn reopen(
        &self,
        scope: &TenantScope,
        edition: &Edition,
    ) -> Result<(Bytes, Package), ServiceError> {
        let bytes = packages::get(&self.ports.blobs, scope, edition.blob).await?;
        let policy = self.trust.policy(scope).await?;
        let now = edition.verified_at.as_millis();
        let (verified, _) = self.verify(&bytes, &edition.signatures, policy, now).await?;
        if verified.digest() != edition.digest {
            let text = format!("the store holds {} in its place", verified.digest());
            return Err(PluginError::refused(Step::Verify, "tampered", text).into());
        }
        Ok((bytes, verified.into_package()))
    }

    /// Loads a verified package for one installation, and has it answer a harmless message.
    pub(super) async fn try_out(
        &self,
        scope: &TenantScope,
        record: &Record,
        edition: &Edition,
        opened: (Bytes, &Package),
        log: &Arc<LogRing>,
    ) -> Result<Arc<dyn LoadedPlugin>, PluginError> {
        let (component, package) = opened;
        check_grants(package, &edition.granted)?;
        // An address in it may be what a grant of `http` is about.
        let settings = serde_json::from_str(&edition.config).unwrap_or_default();
        let request = LoadRequest {
            tenant: scope.tenant(),
            installation: record.id,
            component,
            digest: *edition.digest.as_bytes(),
            config: edition.config.clone(),
            grants: grants(&Granted(edition.granted.0.resolved(&settings))),
            limits: HookLimits::from(record.limits),
            instances: record.instances,
            ports: self.lend(*scope, record.id, log),
        };
        let loaded = self.ports.runtime.load(request).await?;
        let mut hooks = loaded.hooks().to_vec();
        hooks.sort_unstable();
        if hooks != edition.hooks() {
            let text = format!("it was probed for {:?} and has {hooks:?}", edition.hooks());
            return Err(PluginError::refused(Step::Probe, "manifest-mismatch", text));
        }
        if let Some(filter) = loaded.content_filter() {
            self.answer(scope, &*filter).await?;
        }
        if edition.is_development() {
            let tenant = scope.tenant();
            tracing::warn!(%tenant, plugin = record.plugin, "DEVELOPMENT MODE: loaded a plugin signed by a local key");
            log.write(LogLevel::Warn, "loaded in development mode: it is signed by a local key alone");
        }
        Ok(loaded)
    }

    /// As [`try_out`](Self::try_out), for an edition that is kept already.
    pub(super) async fn load(
        &self,
        scope: &TenantScope,
        record: &Record,
        edition: &Edition,
        log: &Arc<LogRing>,
    ) -> Result<Arc<dyn LoadedPlugin>, ServiceError> {
        let (bytes, package) = self.reopen(scope, edition).await?;
        Ok(self.try_out(scope, record, edition, (bytes, &package), log).await?)
    }

    async fn answer(&self, scope: &TenantScope, filter: &dyn ContentFilter) -> Result<(), PluginError> {
        let message = sample(self, HARMLESS);
        let lists = self.chains.lists().get(scope.tenant());
        let context = HookContext { lexicons: Arc::new(MessageWords::new(&lists, &message.body)) };
        for attempt in 1.. {
            match filter.check(&message, &context).await {
                Ok(_) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && error.is_transient() => {}
                Err(error) => return Err(PluginError::self_test(&error)),
            }
        }
        Ok(())
    }

    fn lend(&self, scope: TenantScope, installation: InstallationId, log: &Arc<LogRing>) -> PluginPorts {
        let state = Arc::clone(&self.ports.state);
        PluginPorts {
            storage: Arc::new(Storage { state, scope, installation }),
            secrets: Arc::new(self.secrets(scope, installation)),
            log: Arc::clone(log) as _,
        }
    }
}

/// A message that no one wrote and no one receives.
pub(super) fn sample(inner: &Inner, text: &str) -> Submission {
    let ids = &inner.ports.ids;
    Submission {
        id: MessageId::from_uuid(ids.next()),
        conversation: ConversationId::from_uuid(ids.next()),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party { id: UserId::from_uuid(ids.next()), name: "Self-test".to_owned(), role: Role::Member },
        sent_at: inner.ports.clock.now(),
        body: Body::Text { text: text.to_owned() },
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

/// The signers with their keys: ids are chosen by their makers, and prove nothing later.
fn signed_by(verified: &Verified, policy: &TrustPolicy) -> Vec<SignedBy> {
    let key = |signer: &warbler_package::Signer| {
        let mut known = policy.publishers.iter();
        let publisher = known.find(|publisher| {
            publisher.key.id() == signer.key
                && publisher.name == signer.publisher
                && publisher.development == signer.development
        })?;
        Some(SignedBy {
            publisher: signer.publisher.clone(),
            id: signer.key,
            key: publisher.key,
            development: signer.development,
        })
    };
    verified.signers().iter().filter_map(key).collect()
}
