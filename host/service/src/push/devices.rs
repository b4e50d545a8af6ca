//! Devices: what the caller registers, sees and forgets. A device belongs to the session that registered
//! it, and goes when the session does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use warbler_domain::{
    EndpointId, Expect, Notification, PushOutcome, SessionId, StoreError, TenantId, Timestamp, Urgency,
};

use super::compose::target;
use super::person::{self, Endpoint, Owned};
use super::story::{Note, PushStep};
use super::text::{Language, Phrase};
use super::{ATTEMPTS, Push};
use crate::{Caller, ServiceError, records};

/// Most devices of one account, and of one session.
const PER_ACCOUNT: usize = 32;
const PER_SESSION: usize = 4;

/// Longest address: a Web Push subscription has some 500 bytes, a token at most 300.
const ADDRESS: usize = 4_096;

/// How long a test notification is worth something.
const TEST: Duration = Duration::from_mins(5);

/// A device to be registered.
#[derive(Clone)]
pub struct NewEndpoint {
    /// Its kind: one that an installed plugin delivers to.
    pub kind: String,
    /// Its address at the provider, as JSON: at most 4 KiB.
    pub address: String,
}

impl fmt::Debug for NewEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address lets its bearer notify somebody.
        f.debug_struct("NewEndpoint").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A device of the caller's. Its address is not shown: whoever registered it knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointView {
    /// Its identifier.
    pub id: EndpointId,
    /// Its kind.
    pub kind: String,
    /// The session that it belongs to.
    pub session: SessionId,
    /// Whether that is the one that asks.
    pub current: bool,
    /// Since when.
    pub created_at: Timestamp,
}

impl EndpointView {
    pub(super) fn of(endpoint: &Endpoint, current: Option<SessionId>) -> Self {
        Self {
            id: endpoint.id,
            kind: endpoint.kind.clone(),
            session: endpoint.session,
            current: current == Some(endpoint.session),
            created_at: endpoint.created_at,
        }
    }
}

/// A kind of device that can be registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindView {
    /// The kind.
    pub kind: String,
    /// What a device needs to know to register at the provider: the properties of the plugin's
    /// configuration whose schema says `"x-public": true`, such as the key that Web Push asks for.
    pub public: serde_json::Map<String, serde_json::Value>,
}

/// What became of a test notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// What happened.
    pub notes: Vec<Note>,
}

impl Push {
    /// The kinds of device that can be registered now.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn kinds(&self, caller: &Caller) -> Result<Vec<KindView>, ServiceError> {
        caller.live()?;
        let policy = self.work.policy(caller.scope()).await?;
        let mut kinds: Vec<KindView> = Vec::new();
        for provider in self.work.providers(caller.tenant()) {
            let public = public(&provider.config, provider.schema.as_ref());
            for kind in provider.push_kinds {
                if policy.allows(&kind) && !kinds.iter().any(|known| known.kind == kind) {
                    kinds.push(KindView { kind, public: public.clone() });
                }
            }
        }
        Ok(kinds)
    }

    /// The caller's devices, the oldest first.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn endpoints(&self, caller: &Caller) -> Result<Vec<EndpointView>, ServiceError> {
        caller.live()?;
        let person = self.work.person(caller.scope(), caller.user()).await?;
        Ok(person.endpoints.iter().map(|endpoint| EndpointView::of(endpoint, Some(caller.session()))).collect())
    }

    /// Registers a device of the caller's session. An address that is known already moves: to this
    /// session, and from whichever account had it.
    ///
    /// # Errors
    /// `Invalid` if no plugin delivers to this kind, the tenant does not allow it, or the address is no JSON
    /// or too long; `Conflict` if the account or session has too many; `SessionEnded`, or the store failed.
    pub async fn add_endpoint(&self, caller: &Caller, new: NewEndpoint) -> Result<EndpointView, ServiceError> {
        caller.live()?;
        let address = self.check(caller, &new).await?;
        let (state, scope) = (&*self.work.core.ports.state, caller.scope());
        let mut named = new.kind.clone().into_bytes();
        named.push(0);
        named.extend_from_slice(address.as_bytes());
        let digest = state.blind(scope, "push-address", &named)?;
        for _ in 0..ATTEMPTS {
            let key = person::address_key(&digest);
            let found = records::get::<Owned>(state, scope, &key, "push address").await?;
            let (owned, expect) = found.map_or((None, Expect::Absent), |(owned, expect)| (Some(owned), expect));
            let own = owned.as_ref().filter(|owned| owned.user == caller.user()).map(|owned| owned.endpoint);
            let id = own.unwrap_or_else(|| EndpointId::from_uuid(self.work.core.ports.ids.next()));
            let created_at = self.check_room(caller, id).await?;
            let endpoint = Endpoint {
                id,
                user: caller.user(),
                session: caller.session(),
                kind: new.kind.clone(),
                address: address.clone(),
                digest: digest.clone(),
                created_at,
            };
            let mut writes = vec![
                records::put(key, &Owned { user: caller.user(), endpoint: id }, expect)?,
                records::put(person::endpoint_key(caller.user(), id), &endpoint, Expect::Any)?,
            ];
            let before = owned.filter(|owned| owned.user != caller.user());
            if let Some(before) = &before {
                writes.push(records::delete(person::endpoint_key(before.user, before.endpoint), Expect::Any));
            }
            match state.commit(scope, writes).await {
                Ok(()) => {
                    self.work.reach(caller.tenant());
                    self.work.core.forget_addressee(caller.tenant(), caller.user());
                    if let Some(before) = before {
                        self.work.core.forget_addressee(caller.tenant(), before.user);
                    }
                    // A session that was ended meanwhile must not leave its device behind.
                    if let Err(ended) = caller.live() {
                        self.work.forget(scope, caller.user(), id).await?;
                        return Err(ended);
                    }
                    return Ok(EndpointView::of(&endpoint, Some(caller.session())));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::Conflict { what: "the device is being registered by others" })
    }

    /// The address in its shortest form, if it and its kind may be registered.
    async fn check(&self, caller: &Caller, new: &NewEndpoint) -> Result<String, ServiceError> {
        let kinds = self.kinds(caller).await?;
        if !kinds.iter().any(|known| known.kind == new.kind) {
            let known: Vec<&str> = kinds.iter().map(|known| known.kind.as_str()).collect();
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            return Err(ServiceError::invalid("kind", format!("must be one that can be delivered to: {known}")));
        }
        if new.address.len() > ADDRESS {
            return Err(ServiceError::length("address", ADDRESS));
        }
        let parsed: serde_json::Value =
            serde_json::from_str(&new.address).map_err(|_| ServiceError::invalid("address", "must be JSON"))?;
        match &parsed {
            serde_json::Value::String(text) if !text.trim().is_empty() => Ok(parsed.to_string()),
            serde_json::Value::Object(map) if !map.is_empty() => Ok(parsed.to_string()),
            _ => Err(ServiceError::invalid("address", "must be a text or an object that is not empty")),
        }
    }

    /// Since when the device is known, if the account and session have room for it.
    async fn check_room(&self, caller: &Caller, id: EndpointId) -> Result<Timestamp, ServiceError> {
        let person = self.work.person(caller.scope(), caller.user()).await?;
        let others = || person.endpoints.iter().filter(|endpoint| endpoint.id != id);
        if others().count() >= PER_ACCOUNT {
            return Err(ServiceError::Conflict { what: "an account can have 32 devices for notifications at most" });
        }
        if others().filter(|endpoint| endpoint.session == caller.session()).count() >= PER_SESSION {
            return Err(ServiceError::Conflict { what: "a session can have 4 devices for notifications at most" });
        }
        Ok(person.endpoint(id).map_or_else(|| self.work.core.now(), |known| known.created_at))
    }

    /// Forgets one of the caller's devices.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn remove_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<(), ServiceError> {
        self.own(caller, id).await?;
        self.work.forget(caller.scope(), caller.user(), id).await
    }

    async fn own(&self, caller: &Caller, id: EndpointId) -> Result<Arc<Endpoint>, ServiceError> {
        caller.live()?;
        let person = self.work.person(caller.scope(), caller.user()).await?;
        person.endpoint(id).cloned().ok_or(ServiceError::NotFound { what: "push endpoint" })
    }

    /// Sends a notification to one of the caller's devices, and tells what its provider says.
    ///
    /// # Errors
    /// `NotFound`, `RateLimited`, `SessionEnded`, or the store failed. What the provider says is no error.
    pub async fn test_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<TestReport, ServiceError> {
        let endpoint = self.own(caller, id).await?;
        caller.person().messages.take()?;
        let locale = caller.profile().locale.clone().unwrap_or_else(|| Language::English.tag().to_owned());
        let language = Language::of(&locale);
        let notification = Notification {
            id: self.work.core.ports.ids.next().to_string(),
            target: target(&endpoint, locale),
            title: Phrase::Test.text(language).to_owned(),
            body: Phrase::TestText.text(language).to_owned(),
            conversation: String::new(),
            collapse_key: None,
            badge: self.work.unread.badge(&self.work.core, caller.scope(), caller.user()).await?,
            urgency: Urgency::High,
            expires_at: self.work.core.now().after(TEST),
            secret: false,
        };
        let step = self.hand_over(caller.tenant(), &endpoint.kind, notification).await;
        if matches!(step, PushStep::Gone { .. }) {
            self.work.forget(caller.scope(), caller.user(), id).await?;
        }
        let (kind, at) = (Some(endpoint.kind.clone()), self.work.core.now());
        Ok(TestReport { notes: vec![Note { user: caller.user(), endpoint: Some(id), kind, at, step }] })
    }

    /// Hands one notification over, past all lanes.
    pub(super) async fn hand_over(&self, tenant: TenantId, kind: &str, notification: Notification) -> PushStep {
        let now = self.work.core.now();
        let Some(provider) = self.work.provider(tenant, kind) else {
            let reason = "no plugin delivers to devices of this kind".to_owned();
            return PushStep::Retry { provider: None, attempt: 1, reason, again_at: now };
        };
        let (hook, provider, attempt) = (provider.hook, provider.plugin, 1);
        let outcome =
            hook.deliver(std::slice::from_ref(&notification)).await.map(|outcomes| outcomes.into_iter().next());
        match outcome {
            Ok(Some(PushOutcome::Accepted(reference))) => {
                PushStep::Accepted { provider, attempt, reference, waited_ms: 0, throttled: false }
            }
            Ok(Some(PushOutcome::Gone)) => PushStep::Gone { provider, attempt },
            Ok(Some(PushOutcome::Rejected(reason))) => PushStep::Refused { provider, attempt, reason },
            Ok(Some(PushOutcome::Retry(after))) => {
                let reason = "the provider asks to try again".to_owned();
                PushStep::Retry { provider: Some(provider), attempt, reason, again_at: now.after(after) }
            }
            Ok(None) => {
                let reason = "the plugin gave no answer".to_owned();
                PushStep::Retry { provider: Some(provider), attempt, reason, again_at: now }
            }
            Err(error) => {
                PushStep::Retry { provider: Some(provider), attempt, reason: error.to_string(), again_at: now }
            }
        }
    }
}

/// The properties of a configuration that its schema calls public.
fn public(config: &str, schema: Option<&serde_json::Value>) -> serde_json::Map<String, serde_json::Value> {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(serde_json::Value::as_object);
    let config = serde_json::from_str::<serde_json::Map<_, _>>(config).unwrap_or_default();
    let is_public = |name: &str| {
        let property = properties.and_then(|properties| properties.get(name));
        property.and_then(|property| property.get("x-public")).and_then(serde_json::Value::as_bool) == Some(true)
    };
    config.into_iter().filter(|(name, _)| is_public(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_schema_calls_public_is_told_to_devices() {
        let schema = json!({"properties": {"public_key": {"type": "string", "x-public": true}, "subject": {}}});
        let config = r#"{"public_key":"BK…","subject":"mailto:a@example.com","other":1}"#;
        let told = public(config, Some(&schema));
        assert_eq!(serde_json::to_value(told).unwrap(), json!({"public_key": "BK…"}));
        assert!(public(config, None).is_empty());
    }
}
