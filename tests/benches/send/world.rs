//! The world of the bench: a host, and two tenants with the same people and conversations.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use warbler_tests::client::{Client, text};
use warbler_tests::host::Host;
use warbler_tests::tenant::{self, PASSWORD, Tenant};

/// People in each tenant: twenty pairs, and ten more who fill the group.
pub(crate) const PEOPLE: usize = 50;

/// Pairs that talk at the same time.
pub(crate) const PAIRS: usize = 20;

/// One tenant with its conversations.
pub(crate) struct Side {
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
    with_filters: Side,
    without: Side,
}

impl World {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let host = Host::start(folder, &limits())?;
        tenant::trust(&host).await?;
        let with_filters = side(&host, "with", true).await?;
        let without = side(&host, "without", false).await?;
        Ok(Self { host, with_filters, without })
    }

    pub(crate) fn side(&self, filters: bool) -> &Side {
        if filters { &self.with_filters } else { &self.without }
    }

    pub(crate) fn process(&self) -> u32 {
        self.host.process()
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.host.stop()
    }
}

/// Limits that a generator on one address does not run into.
fn limits() -> String {
    String::from(
        "
[limits]
messages_burst = 1000000
messages_per_second = 1000000
frames_burst = 1000000
frames_per_second = 1000000
sign_ins_burst = 100000
sign_ins_per_second = 100000
",
    )
}

/// A tenant of people called `person0`, `person1`…, with both bundled filters or none.
async fn side(host: &Host, slug: &str, filters: bool) -> Result<Side> {
    let tenant = Tenant::make(host, slug, slug, &[]).await?;
    if filters {
        for package in ["keyword-filter", "anti-fraud"] {
            tenant.install_bundled(package, json!({})).await?;
        }
    }
    let mut people = Vec::with_capacity(PEOPLE);
    let mut ids = Vec::with_capacity(PEOPLE);
    for number in 0..PEOPLE {
        let login = format!("person{number}");
        let body = json!({"login": login, "name": login, "password": PASSWORD, "role": "member"});
        let member = tenant.owner.post("/v1/admin/members", body).await?.with(201)?;
        ids.push(Value::from(text(&member, "id")?));
        people.push(host.client().sign_in(slug, &login, PASSWORD).await?);
    }
    let mut direct = Vec::with_capacity(PAIRS);
    for (pair, ids) in people.chunks(2).zip(ids.chunks(2)).take(PAIRS) {
        let (Some(first), Some(second)) = (pair.first(), ids.get(1)) else { continue };
        direct.push(tenant::begin(first, json!({"kind": "direct", "members": [second]})).await?);
    }
    let first = people.first().context("nobody there")?;
    let others = ids.get(1..).unwrap_or_default();
    let group = tenant::begin(first, json!({"kind": "group", "title": "everyone", "members": others})).await?;
    Ok(Side { people, direct, group })
}
