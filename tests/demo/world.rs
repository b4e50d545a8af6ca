//! The sample world: two enterprises, their people, their filters.

use anyhow::Result;
use serde_json::{Value, json};
use warbler_tests::host::Host;
use warbler_tests::tenant::{self, Role, Tenant};

/// The people of both enterprises.
pub(crate) const ACME: [Role; 3] =
    [("alice", "Alice", "member"), ("bob", "Bob", "member"), ("mia", "Mia", "moderator")];
/// See [`ACME`].
pub(crate) const QINGMU: [Role; 2] = [("chen", "陈晨", "member"), ("li", "李丽", "member")];

/// The enterprises' own word lists, and what the keyword filter does about their words.
const LISTS: [(&str, &str, &[&str]); 3] = [
    ("house-mask", "mask", &["damn", "混蛋"]),
    ("house-review", "review", &["layoffs", "裁员名单"]),
    ("house-block", "block", &["project-x blueprint", "绝密图纸"]),
];

/// Makes both enterprises with their word lists, and installs the bundled filters in them.
pub(crate) async fn fill(host: &Host) -> Result<(Tenant, Tenant)> {
    tenant::trust(host).await?;
    let acme = Tenant::make(host, "acme", "Acme Ltd", &ACME).await?;
    let qingmu = Tenant::make(host, "qingmu", "青木科技", &QINGMU).await?;
    for enterprise in [&acme, &qingmu] {
        for (name, _, words) in LISTS {
            let words: Vec<Value> = words.iter().map(|word| json!({"word": word, "category": "house rules"})).collect();
            let path = format!("/v1/admin/lexicons/{name}");
            enterprise.owner.put(&path, json!({"words": words})).await?.with(200)?;
        }
        enterprise.install_bundled("keyword-filter", json!({"config": keyword_config()})).await?;
        enterprise.install_bundled("anti-fraud", json!({})).await?;
    }
    Ok((acme, qingmu))
}

fn keyword_config() -> Value {
    let house = LISTS.iter().map(|(name, action, _)| (*name, *action));
    let built_in = [("builtin-profanity", "mask"), ("builtin-gambling", "block"), ("builtin-drugs", "review")];
    let lists: Vec<Value> =
        built_in.into_iter().chain(house).map(|(name, action)| json!({"name": name, "action": action})).collect();
    json!({ "lists": lists })
}
