//! Tenants to test with: an owner, some people, their conversations and plugins.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::{Client, text};
use crate::host::Host;
use crate::packages::{self, Packed};

/// The password of everybody, everywhere in tests and demos.
pub const PASSWORD: &str = "sample-password-for-the-demo";

/// Someone to be: login, display name, role.
pub type Role = (&'static str, &'static str, &'static str);

/// Two members, for tests that need no more.
pub const PAIR: [Role; 2] = [("alice", "Alice", "member"), ("bob", "Bob", "member")];

/// Someone, signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// What others see.
    pub name: String,
    /// Their identifier.
    pub id: String,
    /// Their client.
    pub client: Client,
}

/// A tenant, everybody signed in.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its short name.
    pub slug: String,
    /// Who runs it.
    pub owner: Client,
    /// Its people, in the order in which they were named.
    pub people: Vec<Person>,
}

impl Tenant {
    /// Makes a tenant with its owner `olivia` and these people.
    ///
    /// # Errors
    /// The host refused.
    pub async fn make(host: &Host, slug: &str, name: &str, people: &[Role]) -> Result<Self> {
        let owner = json!({"login": "olivia", "name": "Olivia", "password": PASSWORD});
        let tenant = json!({"slug": slug, "name": name, "owner": owner});
        host.operator().post("/v1/operator/tenants", tenant).await?.with(201)?;
        let owner = host.client().sign_in(slug, "olivia", PASSWORD).await?;
        for (login, name, role) in people {
            let member = json!({"login": login, "name": name, "role": role, "password": PASSWORD});
            owner.post("/v1/admin/members", member).await?.with(201)?;
        }
        Self::sign_in(host, slug, people).await
    }

    /// Signs everybody of a tenant in, as after a restart.
    ///
    /// # Errors
    /// The host refused.
    pub async fn sign_in(host: &Host, slug: &str, people: &[Role]) -> Result<Self> {
        let owner = host.client().sign_in(slug, "olivia", PASSWORD).await?;
        let mut signed_in = Vec::with_capacity(people.len());
        for (login, name, _) in people {
            let client = host.client().sign_in(slug, login, PASSWORD).await?;
            let me = client.get("/v1/me").await?.with(200)?;
            signed_in.push(Person { name: (*name).to_owned(), id: text(&me, "id")?.to_owned(), client });
        }
        Ok(Self { slug: slug.to_owned(), owner, people: signed_in })
    }

    /// The person at `place` of the list.
    ///
    /// # Errors
    /// There are fewer.
    pub fn person(&self, place: usize) -> Result<&Person> {
        self.people.get(place).with_context(|| format!("{} has no person {place}", self.slug))
    }

    /// The direct conversation of two people, begun by the first.
    ///
    /// # Errors
    /// The host refused.
    pub async fn direct(&self, first: usize, second: usize) -> Result<String> {
        let body = json!({"kind": "direct", "members": [self.person(second)?.id]});
        begin(&self.person(first)?.client, body).await
    }

    /// Installs a bundled plugin and grants what it asks for; `extra` goes into the request.
    ///
    /// # Errors
    /// It was not built, or the host refused.
    pub async fn install_bundled(&self, name: &str, extra: Value) -> Result<Value> {
        self.install(&packages::bundled(name)?, extra).await.with_context(|| format!("installing {name}"))
    }

    /// Installs a package and grants what it asks for; `extra` goes into the request.
    ///
    /// # Errors
    /// The host refused.
    pub async fn install(&self, package: &Packed, extra: Value) -> Result<Value> {
        let mut body = package.request(&extra)?;
        body.as_object_mut().context("no object")?.insert("grants".to_owned(), package.asks()?);
        self.owner.post("/v1/admin/plugins", body).await?.with(201)
    }
}

/// Trusts the development key, with which the build signs.
///
/// # Errors
/// It was not made, or the host refused.
pub async fn trust(host: &Host) -> Result<()> {
    let key = json!({"name": "development", "key": packages::development_key()?});
    host.operator().post("/v1/operator/publishers", key).await?.with(201)?;
    Ok(())
}

/// Begins a conversation and gives its identifier; a direct one that is there already is found again.
///
/// # Errors
/// The host refused.
pub async fn begin(client: &Client, body: Value) -> Result<String> {
    let answer = client.post("/v1/conversations", body).await?;
    let status = if answer.status == 200 { 200 } else { 201 };
    Ok(text(&answer.with(status)?, "id")?.to_owned())
}
