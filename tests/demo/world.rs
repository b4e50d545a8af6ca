//! The sample world: two enterprises, their people, their filters.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use warbler_tests::client::{Client, text};
use warbler_tests::host::Host;
use warbler_tests::packages;

/// The password of everybody in the sample world.
pub(crate) const PASSWORD: &str = "sample-password-for-the-demo";

/// The people of both enterprises: login, display name, role.
pub(crate) const ACME: [(&str, &str, &str); 3] =
    [("alice", "Alice", "member"), ("bob", "Bob", "member"), ("mia", "Mia", "moderator")];
/// See [`ACME`].
pub(crate) const QINGMU: [(&str, &str, &str); 2] = [("chen", "陈晨", "member"), ("li", "李丽", "member")];

/// One enterprise, everybody signed in.
pub(crate) struct Enterprise {
    /// Its short name.
    pub(crate) slug: &'static str,
    /// Who runs it.
    pub(crate) owner: Client,
    /// Its people, in the order of the list.
    pub(crate) people: Vec<Person>,
}

/// Someone, signed in.
#[derive(Clone)]
pub(crate) struct Person {
    /// What others see.
    pub(crate) name: &'static str,
    /// Their identifier.
    pub(crate) id: String,
    /// Their client.
    pub(crate) client: Client,
}

impl Enterprise {
    /// The person at `place` of the list.
    pub(crate) fn person(&self, place: usize) -> Result<&Person> {
        self.people.get(place).with_context(|| format!("{} has no person {place}", self.slug))
    }
}

/// Makes both enterprises and installs the bundled filters in them.
pub(crate) async fn fill(host: &Host) -> Result<(Enterprise, Enterprise)> {
    let key = json!({"name": "development", "key": packages::development_key()?});
    host.operator().post("/v1/operator/publishers", key).await?.with(201)?;
    let acme = enterprise(host, "acme", "Acme Ltd", &ACME).await?;
    let qingmu = enterprise(host, "qingmu", "青木科技", &QINGMU).await?;
    Ok((acme, qingmu))
}

/// Signs everybody of an enterprise in again, as after a restart.
pub(crate) async fn sign_in(
    host: &Host,
    slug: &'static str,
    people: &[(&'static str, &'static str, &'static str)],
) -> Result<Enterprise> {
    let owner = host.client().sign_in(slug, "olivia", PASSWORD).await?;
    let mut signed_in = Vec::with_capacity(people.len());
    for (login, name, _) in people {
        let client = host.client().sign_in(slug, login, PASSWORD).await?;
        let me = client.get("/v1/me").await?.with(200)?;
        signed_in.push(Person { name, id: text(&me, "id")?.to_owned(), client });
    }
    Ok(Enterprise { slug, owner, people: signed_in })
}

async fn enterprise(
    host: &Host,
    slug: &'static str,
    name: &str,
    people: &[(&'static str, &'static str, &'static str)],
) -> Result<Enterprise> {
    let owner = json!({"login": "olivia", "name": "Olivia", "password": PASSWORD});
    let tenant = json!({"slug": slug, "name": name, "owner": owner});
    host.operator().post("/v1/operator/tenants", tenant).await?.with(201)?;
    let owner = host.client().sign_in(slug, "olivia", PASSWORD).await?;
    for (login, name, role) in people {
        let member = json!({"login": login, "name": name, "role": role, "password": PASSWORD});
        owner.post("/v1/admin/members", member).await?.with(201)?;
    }
    install(&owner, "keyword-filter", keyword_config()).await?;
    install(&owner, "anti-fraud", json!({})).await?;
    sign_in(host, slug, people).await
}

/// What the sample enterprises have their keyword filter do.
fn keyword_config() -> Value {
    json!({
        "words": {
            "mask": ["damn", "混蛋"],
            "review": ["layoffs", "裁员名单"],
            "block": ["project-x blueprint", "绝密图纸"],
        },
    })
}

async fn install(owner: &Client, name: &str, config: Value) -> Result<()> {
    let body = packages::bundled(name)?.request(json!({"config": config, "grants": {"lexicons": true}}))?;
    owner.post("/v1/admin/plugins", body).await?.with(201).with_context(|| format!("installing {name}"))?;
    Ok(())
}

/// Begins a conversation and gives its identifier.
pub(crate) async fn begin(client: &Client, body: Value) -> Result<String> {
    let conversation = client.post("/v1/conversations", body).await?.with(201)?;
    Ok(text(&conversation, "id")?.to_owned())
}
