//! What agents may use, and what they used, as operators, admins and people see it.

use serde_json::json;
use warbler_tests::model::{Model, Said};
use warbler_tests::tenant;

use crate::agents::{assistant, reply, start, tenant_id};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_is_counted_and_priced_and_a_spent_budget_is_told_in_words() {
    let model = Model::start(|_| Said::words("At nine.")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let cost = json!({"prompt_micros": 1_000, "completion_micros": 2_000});
    let body = json!({"name": "house", "base_url": model.base(), "model": "m", "default": true, "cost": cost});
    host.operator().post("/v1/operator/models", body).await.unwrap().with(200).unwrap();
    let tenant = tenant_id(&host, "acme").await;
    let path = format!("/v1/operator/tenants/{tenant}/budget");
    let refused = host.operator().put(&path, json!({"concurrent_replies": 0})).await.unwrap();
    assert_eq!((refused.status, refused.code()), (422, "invalid"), "{}", refused.body);
    host.operator().put(&path, json!({"tokens_per_day": 60})).await.unwrap().with(200).unwrap();
    let robin = assistant(&acme, json!({})).await;
    let alice = acme.person(0).unwrap();
    let direct = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let support = json!({"kind": "support", "title": "Help", "members": [robin]});
    let support = tenant::begin(&alice.client, support).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    // The stand-in says that each answer took 20 tokens to read and 10 to write: two of them spend the day's.
    for (conversation, key, question, answer) in [
        (&direct, "k1", "When do you open?", "At nine."),
        (&direct, "k2", "When again?", "At nine."),
        (&direct, "k3", "And when?", "Sorry, I have used up what I may use today. Please try again later"),
        (&direct, "k4", "那么几点？", "抱歉，我今天的用量已经用完。"),
        (&support, "k5", "And here?", "Sorry, I have used up what I may use today. I have asked a colleague"),
    ] {
        alice.client.send(conversation, key, question).await.unwrap().with(201).unwrap();
        let said = reply(&mut socket, &robin).await.0;
        assert!(said["body"]["text"].as_str().unwrap().starts_with(answer), "{question}: {said}");
    }
    assert_eq!(model.asked().len(), 2);
    let view = acme.owner.get(&format!("/v1/admin/agents/{robin}")).await.unwrap().with(200).unwrap();
    let used = json!({"model": "house", "calls": 2, "prompt_tokens": 40, "completion_tokens": 20, "cost_micros": 80});
    assert_eq!(view["used_today"], json!([used]));
    let metrics = reqwest::get(format!("{}/metrics", host.base())).await.unwrap().text().await.unwrap();
    for (name, more, value) in [
        ("model_tokens_total", r#",kind="prompt""#, 40),
        ("model_tokens_total", r#",kind="completion""#, 20),
        ("model_cost_micros_total", "", 80),
    ] {
        let line = format!(r#"{name}{{tenant="{tenant}",model="house"{more}}} {value}"#);
        assert!(metrics.contains(&line), "no {line}");
    }
    assert!(metrics.contains("model_over_budget_total"), "refusals are counted");
    // With a larger budget it answers again.
    host.operator().put(&path, json!({"tokens_per_day": 1_000})).await.unwrap().with(200).unwrap();
    alice.client.send(&direct, "k6", "And now?").await.unwrap().with(201).unwrap();
    assert_eq!(reply(&mut socket, &robin).await.0["body"]["text"], "At nine.");
    host.stop().unwrap();
}
