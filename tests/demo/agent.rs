//! The agent of the demo that stays: the assistant with a small real model where one is installed, and else the
//! one that answers from a table.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time;
use warbler_tests::client::text;
use warbler_tests::host::Host;
use warbler_tests::servers::ModelServer;
use warbler_tests::tenant::{self, Tenant};

/// Time between two questions.
const PACE: Duration = Duration::from_secs(15);

/// What the agent is asked, over and over.
const QUESTIONS: [&str; 3] = ["When does the shop open?", "Where can I park?", "How do I reset my password?"];

/// Where a model finds the answers, and what it cites.
const HANDBOOK: &str = "# Opening hours\n\nThe shop opens at nine in the morning and closes at six.\n\n\
    # Parking\n\nThere is a car park behind the building. It is free for two hours.\n\n\
    # Passwords\n\nWho has forgotten a password asks the administrator, Olivia, to reset it.\n";

/// An agent that runs, with what it needs.
pub(crate) struct Enabled {
    /// Its account.
    pub(crate) id: String,
    /// The model, if a real one answers.
    _model: Option<ModelServer>,
}

/// Makes an agent, or finds the one that was made when the demo ran before.
pub(crate) async fn enable(host: &Host, acme: &Tenant) -> Result<Enabled> {
    let model = ModelServer::start()?;
    let plugin = if let Some(model) = &model {
        let limits = json!({"first_byte_ms": 300_000, "pause_ms": 300_000, "max_tokens": 80});
        let body = json!({"name": "small", "base_url": model.url, "model": "small", "limits": limits, "default": true});
        host.operator().post("/v1/operator/models", body).await?.with(200)?;
        teach(acme).await?;
        "assistant"
    } else {
        println!("NO REAL MODEL IS INSTALLED HERE: the agent answers from a table");
        "faq"
    };
    let installation = install(acme, plugin).await?;
    let agents = acme.owner.get("/v1/admin/agents").await?.with(200)?;
    let all = agents.get("agents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let known = all.iter().find(|agent| agent["installation"] == json!(installation));
    let id = if let Some(known) = known {
        text(known.get("member").context("no member")?, "id")?.to_owned()
    } else {
        let body = json!({"name": "Robin", "installation": installation});
        let made = acme.owner.post("/v1/admin/agents", body).await?.with(201)?;
        text(made.get("member").context("no member")?, "id")?.to_owned()
    };
    Ok(Enabled { id, _model: model })
}

/// Gives the knowledge base its handbook, unless it is there.
async fn teach(acme: &Tenant) -> Result<()> {
    let known = acme.owner.get("/v1/admin/knowledge").await?.with(200)?;
    if known["documents"] == json!([]) {
        let upload = acme.owner.upload("/v1/admin/knowledge?title=Handbook", "text/markdown", HANDBOOK.as_bytes());
        upload.await?.with(201)?;
    }
    Ok(())
}

async fn install(acme: &Tenant, plugin: &str) -> Result<String> {
    let present = acme.owner.get("/v1/admin/plugins").await?.with(200)?;
    let all = present.get("plugins").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(known) = all.iter().find(|known| known["plugin"] == plugin) {
        return Ok(text(known, "id")?.to_owned());
    }
    let config = if plugin == "faq" {
        json!({"entries": [
            {"questions": [QUESTIONS[0], "opening hours"], "answer": "We open at nine in the morning."},
            {"questions": [QUESTIONS[1]], "answer": "There is a car park behind the building."},
            {"questions": [QUESTIONS[2]], "answer": "Ask your administrator for a new password."},
        ]})
    } else {
        json!({"persona": "You help the people of Acme Ltd. Answer in one or two sentences."})
    };
    let installed = acme.install_bundled(plugin, json!({"config": config})).await?;
    Ok(text(&installed["plugin"], "id")?.to_owned())
}

/// Someone asks the agent, and its answers are shown.
pub(crate) async fn ask(acme: &Tenant, robin: &Enabled) -> Result<()> {
    let alice = acme.person(0)?;
    let conversation = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin.id]})).await?;
    let mut screen = alice.client.connect(json!({})).await?;
    let (mut pace, run) = (time::interval(PACE), std::process::id());
    for (count, question) in QUESTIONS.iter().cycle().enumerate() {
        pace.tick().await;
        alice.client.send(&conversation, &format!("ask-{run}-{count}"), question).await?;
        // A model may take longer than a socket's patience: then the next question comes.
        let mut states = 0;
        while let Ok(frame) = screen.next().await {
            match frame["op"].as_str() {
                Some("reply") => states += 1,
                Some("message") if frame["message"]["sender"] == json!(robin.id) => {
                    let said = frame["message"]["body"]["text"].as_str().unwrap_or_default().replace('\n', " ");
                    println!("acme    Robin → {}: {said}  ({states} states while it grew)", alice.name);
                    break;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
