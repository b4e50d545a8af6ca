//! What becomes of plugins: refused when they are not what they say, upgraded, rolled back, broken on
//! purpose.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use warbler_tests::client::{Answer, text};
use warbler_tests::guests;
use warbler_tests::packages::{self, Packed};

use super::{list, shown};
use crate::play::Play;
use warbler_tests::tenant::Tenant;

pub(super) async fn play(play: &mut Play, acme: &Tenant) -> Result<()> {
    let filter = packages::bundled("keyword-filter")?;
    refused(play, acme, &filter).await?;
    upgraded(play, acme, &filter).await?;
    broken(play, acme).await
}

async fn install(acme: &Tenant, package: &Packed, extra: Value) -> Result<Answer> {
    acme.owner.post("/v1/admin/plugins", package.request(&extra)?).await
}

/// The installation of the plugin called `name`.
async fn installed(acme: &Tenant, name: &str) -> Result<Value> {
    let all = acme.owner.get("/v1/admin/plugins").await?.with(200)?;
    let found = list(&all, "plugins").iter().find(|plugin| plugin["plugin"] == name);
    found.cloned().with_context(|| format!("{name} is not installed"))
}

async fn refused(play: &mut Play, acme: &Tenant, filter: &Packed) -> Result<()> {
    play.step("Packages that are not what they say");
    for (what, package, code) in
        [("unsigned", filter.unsigned(), "unsigned"), ("tampered", filter.tampered(), "tampered")]
    {
        let answer = install(acme, &package, json!({})).await?;
        ensure!(answer.status == 422 && answer.code() == code, "{what}: {answer:?}");
        play.saw(format!("{what}: refused as {:?}: {}", answer.code(), answer.body["detail"]));
    }
    ensure!(installed(acme, "keyword-filter").await?["status"] == "active", "the installed filter was touched");
    play.saw("the installed filter was not touched");
    Ok(())
}

async fn upgraded(play: &mut Play, acme: &Tenant, filter: &Packed) -> Result<()> {
    play.step("An upgrade, and a step back");
    let before = installed(acme, "keyword-filter").await?;
    let id = text(&before, "id")?;
    install(acme, &filter.upgraded("0.2.0")?, json!({})).await?.with(201)?;
    ensure!(installed(acme, "keyword-filter").await?["version"] == "0.2.0", "the upgrade is not in use");
    play.saw(format!("{} → 0.2.0, the version before stays ready", before["version"]));
    acme.owner.post(&format!("/v1/admin/plugins/{id}/rollback"), json!({})).await?.with(200)?;
    ensure!(installed(acme, "keyword-filter").await?["version"] == before["version"], "the rollback is not in use");
    play.saw(format!("one step back: {} is in use again", before["version"]));
    let conversation = acme.direct(0, 1).await?;
    let sent = acme.person(0)?.client.send(&conversation, "after-rollback", "damn").await?.with(201)?;
    ensure!(shown(&sent["message"]) == "****", "the filter does not filter: {sent}");
    play.saw("and it filters");
    Ok(())
}

async fn broken(play: &mut Play, acme: &Tenant) -> Result<()> {
    play.step("A filter that breaks on purpose");
    let broken = packages::pack(&guests::filter("trap")?, &manifest("always-traps"))?;
    let answer = install(acme, &broken, json!({})).await?;
    ensure!(answer.status == 422 && answer.code() == "trapped", "{answer:?}");
    play.saw("one that breaks on everything does not even get in: its trial message makes it trap");
    let cue = "Please break now";
    let trap = guests::sleeper("trap", u32::try_from(cue.len())?)?;
    let package = packages::pack(&trap, &manifest("sometimes-traps"))?;
    let answer = install(acme, &package, json!({"fail_policy": "closed"})).await?.with(201)?;
    let id = text(&answer["plugin"], "id")?;
    let conversation = acme.direct(0, 1).await?;
    let alice = &acme.person(0)?.client;
    alice.send(&conversation, "while-broken", cue).await?.with(202)?;
    play.saw(format!("one that traps on {cue:?} only: its policy is to fail closed, and the message is held"));
    let report = acme.owner.post(&format!("/v1/admin/plugins/{id}/self-test"), json!({})).await?.with(200)?;
    ensure!(report["held"] == true, "the self-test says that the policy does not hold: {report}");
    for check in list(&report, "checks") {
        play.saw(format!(
            "self-test {}: {} ({})",
            check["name"],
            check["seen"],
            if check["held"] == true { "as promised" } else { "not" }
        ));
    }
    acme.owner.delete(&format!("/v1/admin/plugins/{id}")).await?.with(204)?;
    alice.send(&conversation, "without-it", cue).await?.with(201)?;
    play.saw("removed: the same text is delivered");
    let audit = acme.owner.get("/v1/admin/audit/verify").await?.with(200)?;
    ensure!(audit["intact"] == true, "the audit log is not intact: {audit}");
    play.saw(format!("all of this is in the audit log, whose chain of {} entries is intact", audit["entries"]));
    Ok(())
}

fn manifest(name: &str) -> Value {
    json!({"name": name, "version": "0.1.0", "hooks": ["content-filter"], "permissions": {}})
}
