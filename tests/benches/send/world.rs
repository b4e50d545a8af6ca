//! The world of the bench: a host, and two tenants with the same people and conversations.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use warbler_tests::client::{Client, Socket, text};
use warbler_tests::host::Host;
use warbler_tests::packages;

use crate::process;

/// People in each tenant: twenty pairs, and ten more who fill the group.
pub(crate) const PEOPLE: usize = 50;

/// Pairs that talk at the same time.
pub(crate) const PAIRS: usize = 20;

/// Sessions that are opened to weigh an idle one.
const IDLE_SESSIONS: usize = 400;

/// One tenant.
pub(crate) struct Tenant {
    /// Everyone, signed in.
    pub(crate) people: Vec<Client>,
    /// A direct conversation of people 2n and 2n+1.
    pub(crate) direct: Vec<String>,
    /// The group of everyone.
    pub(crate) group: String,
}

/// The host and its tenants.
pub(crate) struct World {
    host: Host,
    with_filters: Tenant,
    without: Tenant,
}

impl World {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let host = Host::start(folder, &limits())?;
        trust(&host).await?;
        let with_filters = tenant(&host, "with", true).await?;
        let without = tenant(&host, "without", false).await?;
        Ok(Self { host, with_filters, without })
    }

    pub(crate) fn tenant(&self, filters: bool) -> &Tenant {
        if filters { &self.with_filters } else { &self.without }
    }

    pub(crate) fn process(&self) -> u32 {
        self.host.process()
    }

    /// The host's private memory for one session that says nothing.
    pub(crate) async fn idle_session_bytes(&self) -> Result<u64> {
        let people = &self.without.people;
        // A first batch pays for what is shared: threads, caches, the allocator's arenas.
        let _warm = connect(people, 50).await?;
        let before = process::private_bytes(self.process())?;
        let sockets = connect(people, IDLE_SESSIONS).await?;
        let after = process::private_bytes(self.process())?;
        Ok(after.saturating_sub(before) / sockets.len() as u64)
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.host.stop()
    }
}

async fn connect(people: &[Client], count: usize) -> Result<Vec<Socket>> {
    let mut sockets = Vec::with_capacity(count);
    for person in people.iter().cycle().take(count) {
        sockets.push(person.connect(json!({})).await?);
    }
    Ok(sockets)
}

/// Limits that a generator on one address does not run into.
fn limits() -> String {
    String::from(
        r#"
[limits]
messages_burst = 1000000
messages_per_second = 1000000
frames_burst = 1000000
frames_per_second = 1000000
sign_ins_burst = 100000
sign_ins_per_second = 100000
connections_per_session = 1000
"#,
    )
}

async fn trust(host: &Host) -> Result<()> {
    let body = json!({"name": "development", "key": packages::development_key()?});
    host.operator().post("/v1/operator/publishers", body).await?.with(201)?;
    Ok(())
}

async fn tenant(host: &Host, slug: &str, filters: bool) -> Result<Tenant> {
    let password = "correct horse battery staple";
    let owner = json!({"login": "owner", "name": "Owner", "password": password});
    let body = json!({"slug": slug, "name": slug, "owner": owner});
    host.operator().post("/v1/operator/tenants", body).await?.with(201)?;
    let owner = host.client().sign_in(slug, "owner", password).await?;
    if filters {
        for package in ["keyword-filter", "anti-fraud"] {
            install(&owner, package).await?;
        }
    }
    let mut people = Vec::with_capacity(PEOPLE);
    let mut ids = Vec::with_capacity(PEOPLE);
    for number in 0..PEOPLE {
        let login = format!("person{number}");
        let body = json!({"login": login, "name": login, "password": password, "role": "member"});
        let member = owner.post("/v1/admin/members", body).await?.with(201)?;
        ids.push(Value::from(text(&member, "id")?));
        people.push(host.client().sign_in(slug, &login, password).await?);
    }
    let mut direct = Vec::with_capacity(PAIRS);
    for (pair, ids) in people.chunks(2).zip(ids.chunks(2)).take(PAIRS) {
        let (Some(first), Some(second)) = (pair.first(), ids.get(1)) else { continue };
        direct.push(begin(first, json!({"kind": "direct", "members": [second]})).await?);
    }
    let first = people.first().context("nobody there")?;
    let group = begin(first, json!({"kind": "group", "title": "everyone", "members": ids})).await?;
    Ok(Tenant { people, direct, group })
}

async fn begin(client: &Client, body: Value) -> Result<String> {
    let conversation = client.post("/v1/conversations", body).await?.with(201)?;
    Ok(text(&conversation, "id")?.to_owned())
}

async fn install(owner: &Client, name: &str) -> Result<()> {
    let body = packages::bundled(name)?.request(json!({"grants": {"lexicons": true}}))?;
    owner.post("/v1/admin/plugins", body).await?.with(201)?;
    Ok(())
}
