//! The world of the bench: a host, a tenant of people who are away, and one group per message.

use std::path::Path;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use warbler_tests::client::{Client, text};
use warbler_tests::host::Host;
use warbler_tests::tenant::{self, PASSWORD, Tenant};

use crate::provider::Provider;

/// Requests at a time while setting up.
const AT_ONCE: usize = 8;

/// The keys of the example in RFC 8291: the sender's, and the receiver's public ones.
const VAPID_KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

/// What webhooks are signed with.
const SIGNING_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How people are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Device {
    /// By a signed webhook.
    Webhook,
    /// Encrypted, as browsers are.
    WebPush,
}

/// The host and its tenant.
pub(crate) struct World {
    host: Host,
    speaker: Client,
    people: Vec<Client>,
    groups: Vec<String>,
}

impl World {
    pub(crate) async fn start(folder: &Path, provider: &Provider, people: usize, groups: usize) -> Result<Self> {
        let host = Host::start(folder, &config(provider))?;
        tenant::trust(&host).await?;
        let tenant = Tenant::make(&host, "bench", "Bench", &[("speaker", "Speaker", "member")]).await?;
        let origin = format!("https://{}", provider.address());
        let extra = json!({"config": {"url": format!("{origin}/push")}, "secrets": {"signing_key": SIGNING_KEY}});
        tenant.install_bundled("push-webhook", extra).await?;
        let config = json!({"subject": "mailto:push@example.com", "push_service": origin});
        tenant.install_bundled("push-webpush", json!({"config": config, "secrets": {"vapid_key": VAPID_KEY}})).await?;
        let speaker = tenant.person(0)?.client.clone();
        let (host_ref, owner) = (&host, &tenant.owner);
        let made = stream::iter(0..people).map(|number| person(host_ref, owner, number));
        let made: Vec<(Value, Client)> = made.buffered(AT_ONCE).try_collect().await?;
        let (ids, people): (Vec<Value>, Vec<Client>) = made.into_iter().unzip();
        let (speaker_ref, ids_ref) = (&speaker, &ids);
        let begun = stream::iter(0..groups).map(|number| async move {
            let body = json!({"kind": "group", "title": format!("Group {number}"), "members": ids_ref});
            tenant::begin(speaker_ref, body).await
        });
        let groups = begun.buffered(AT_ONCE).try_collect().await?;
        Ok(Self { host, speaker, people, groups })
    }

    /// Gives everyone one device of this kind, in the place of the one before.
    pub(crate) async fn register(&self, provider: &Provider, device: Device) -> Result<()> {
        let people = stream::iter(self.people.iter().enumerate());
        let origin = format!("https://{}", provider.address());
        let origin = origin.as_str();
        people
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |(number, person)| async move {
                let present = person.get("/v1/push-endpoints").await?.with(200)?;
                for old in present.get("endpoints").and_then(|list| list.as_array()).context("no list")? {
                    person.delete(&format!("/v1/push-endpoints/{}", text(old, "id")?)).await?.with(204)?;
                }
                let body = match device {
                    Device::Webhook => json!({"kind": "webhook", "address": {"person": number}}),
                    Device::WebPush => {
                        let keys = json!({"p256dh": P256DH, "auth": AUTH});
                        let address = json!({"endpoint": format!("{origin}/send/{number}"), "keys": keys});
                        json!({"kind": "web-push", "address": address})
                    }
                };
                person.post("/v1/push-endpoints", body).await?.with(201)?;
                anyhow::Ok(())
            })
            .await
    }

    /// Says something in every group.
    pub(crate) async fn say(&self, key: &str) -> Result<()> {
        stream::iter(&self.groups)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |group| async move {
                self.speaker.send(group, key, "The quick brown fox jumps over the lazy dog.").await?.with(201)?;
                anyhow::Ok(())
            })
            .await
    }

    pub(crate) fn process(&self) -> u32 {
        self.host.process()
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.host.stop()
    }
}

async fn person(host: &Host, owner: &Client, number: usize) -> Result<(Value, Client)> {
    let login = format!("person{number}");
    let body = json!({"login": login, "name": login, "password": PASSWORD, "role": "member"});
    let member = owner.post("/v1/admin/members", body).await?.with(201)?;
    Ok((Value::from(text(&member, "id")?), host.client().sign_in("bench", &login, PASSWORD).await?))
}

/// Limits that a generator on one address does not run into, and leave to reach the provider.
fn config(provider: &Provider) -> String {
    format!(
        "
[limits]
messages_burst = 1000000
messages_per_second = 1000000
sign_ins_burst = 100000
sign_ins_per_second = 100000

[plugins]
allow_private_http = [\"{}\"]
trust_file = \"{}\"
",
        provider.address(),
        provider.trust.display()
    )
}
