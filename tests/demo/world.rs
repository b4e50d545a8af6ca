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

/// Makes both enterprises and installs the bundled filters in them.
pub(crate) async fn fill(host: &Host) -> Result<(Tenant, Tenant)> {
    tenant::trust(host).await?;
    let acme = Tenant::make(host, "acme", "Acme Ltd", &ACME).await?;
    let qingmu = Tenant::make(host, "qingmu", "青木科技", &QINGMU).await?;
    for enterprise in [&acme, &qingmu] {
        enterprise.install_bundled("keyword-filter", json!({"config": keyword_config()})).await?;
        enterprise.install_bundled("anti-fraud", json!({})).await?;
    }
    Ok((acme, qingmu))
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
