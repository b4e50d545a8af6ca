//! Agents whose model or tool fails, through the whole host: what the people who asked see, what the operator finds,
//! and that nobody else waits. What the client of models makes of each fault alone is tested beside it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use warbler_tests::client::Socket;
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::servers;
use warbler_tests::tenant::{self, PAIR, Tenant};

use crate::agents::{assistant, set_model};

/// What the model does, by the last question that it was asked.
fn speak(prompt: &Value, asked: &AtomicUsize) -> Vec<Said> {
    let (line, told) = (last(prompt, "user"), last(prompt, "tool"));
    let words = Said::words;
    match line.rsplit(": ").next().unwrap_or(line) {
        _ if line.contains("Customer:") => words("A customer with a question."),
        "slow" => vec![Said::Silence],
        "dies" => [words("Half an answer "), vec![Said::Death]].concat(),
        "stalls" => [words("Half of it "), vec![Said::Silence]].concat(),
        "busy" if asked.fetch_add(1, Ordering::SeqCst) == 0 => vec![Said::Refusal(429, "retry-after: 1\r\n".into())],
        "busy" => words("Here I am again."),
        "garbled" => vec![Said::Bytes(b"data: {\"choices\": [ oops\n\n".to_vec())],
        "endless" => vec![Said::Endless("on and on ".into())],
        "slip" if told.contains("no JSON object") => vec![Said::Call("desk__echo".into(), json!({"text": "hello"}))],
        "slip" if told.contains("the desk says") => words("It says hello."),
        "slip" | "stubborn" => vec![Said::Misspelt("desk__echo".into(), "{\"text\": ".into())],
        "hang" if !told.is_empty() => words("The desk does not answer."),
        "hang" => vec![Said::Call("desk__hang".into(), json!({}))],
        _ => words("All is well here."),
    }
}

/// A host with one tenant, two models that are the same stand-in, and agents with short and with long patience.
async fn start(folder: &Path, model: &Model) -> (Host, Tenant, HashMap<&'static str, String>) {
    let (python, script) = servers::desk().unwrap();
    let host = Host::start(folder, &format!("[agents]\ntool_programs = [{:?}]\n", python.to_str().unwrap())).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    set_model(&host, model).await;
    let limits = json!({"first_byte_ms": 1_500, "pause_ms": 1_500, "max_answer_bytes": 2_048});
    let body = json!({"name": "hasty", "base_url": model.base(), "model": "m", "limits": limits,
        "cost": {"prompt_micros": 1_000_000, "completion_micros": 0}});
    host.operator().post("/v1/operator/models", body).await.unwrap().with(200).unwrap();
    let transport = json!({"type": "stdio", "command": python, "arguments": [script]});
    let server = json!({"transport": transport, "timeout_ms": 1_000});
    acme.owner.put("/v1/admin/tools/desk", server).await.unwrap().with(200).unwrap();
    let robin = assistant(&acme, json!({"tools": [{"server": "desk"}]})).await;
    let agents = acme.owner.get("/v1/admin/agents").await.unwrap().with(200).unwrap();
    let hasty = json!({"name": "Hasty", "installation": agents["agents"][0]["installation"],
        "settings": {"model": "hasty"}});
    let hasty = acme.owner.post("/v1/admin/agents", hasty).await.unwrap().with(201).unwrap();
    let hasty = hasty["member"]["id"].as_str().unwrap().to_owned();
    (host, acme, HashMap::from([("robin", robin), ("hasty", hasty)]))
}

/// What became of a case: the replies, the state of the support conversation.
#[derive(Default, Debug)]
struct Came {
    replies: Vec<Value>,
    waits: bool,
}

/// Listens until each conversation has its reply, and those of `waiting` wait for a person.
async fn listen(socket: &mut Socket, cases: &BTreeMap<&str, String>, waiting: &[&str]) -> BTreeMap<String, Came> {
    let names: HashMap<&str, &str> = cases.iter().map(|(name, id)| (id.as_str(), *name)).collect();
    let mut came: BTreeMap<String, Came> = cases.keys().map(|name| ((*name).to_owned(), Came::default())).collect();
    let is_over = |name: &str, came: &Came| !came.replies.is_empty() && (came.waits || !waiting.contains(&name));
    while came.iter().any(|(name, came)| !is_over(name, came)) {
        let frame = socket.next().await.unwrap_or_else(|error| panic!("{error}: {came:#?}"));
        let (message, change) = (&frame["message"], &frame["change"]);
        match frame["op"].as_str() {
            Some("message") if message["body"]["text"] != names[message["conversation"].as_str().unwrap()] => {
                let name = names[message["conversation"].as_str().unwrap()];
                came.get_mut(name).unwrap().replies.push(message.clone());
            }
            Some("changed") if change["change"] == "support" && change["state"] == "waiting" => {
                came.get_mut(names[change["conversation"].as_str().unwrap()]).unwrap().waits = true;
            }
            _ => {}
        }
    }
    came
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_people_get_one_answer_or_a_person_and_nobody_else_waits() {
    let busy = AtomicUsize::new(0);
    let model = Model::start(move |prompt| speak(prompt, &busy)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme, agents) = start(folder.path(), &model).await;
    let (alice, bob) = (acme.person(0).unwrap(), acme.person(1).unwrap());
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    let mut cases = BTreeMap::new();
    for (case, agent) in [
        ("slow", "hasty"),
        ("dies", "robin"),
        ("stalls", "hasty"),
        ("busy", "robin"),
        ("garbled", "robin"),
        ("endless", "hasty"),
        ("slip", "robin"),
        ("stubborn", "robin"),
        ("hang", "robin"),
    ] {
        let support = json!({"kind": "support", "title": case, "members": [agents[agent]]});
        let conversation = tenant::begin(&alice.client, support).await.unwrap();
        alice.client.send(&conversation, "k", case).await.unwrap().with(201).unwrap();
        cases.insert(case, conversation);
    }
    // Someone else asks the same agents meanwhile.
    let mut of_bob = bob.client.connect(json!({})).await.unwrap();
    for agent in agents.values() {
        let direct = tenant::begin(&bob.client, json!({"kind": "direct", "members": [agent]})).await.unwrap();
        bob.client.send(&direct, "k", "How are you?").await.unwrap().with(201).unwrap();
        let (message, _) = crate::agents::reply(&mut of_bob, agent).await;
        assert_eq!(message["body"]["text"], "All is well here.");
    }
    let waiting = ["slow", "dies", "stalls", "garbled", "endless", "stubborn"];
    let came = listen(&mut socket, &cases, &waiting).await;
    let said = |case: &str| came[case].replies[0]["body"]["text"].as_str().unwrap().to_owned();
    let caution = |case: &str| came[case].replies[0]["caution"]["code"].as_str().map(str::to_owned);
    for (case, came) in &came {
        assert_eq!((came.replies.len(), came.waits), (1, waiting.contains(&case.as_str())), "{case}: {came:#?}");
    }
    let sorry = "Sorry, I can't answer at the moment. I have asked a colleague to take over.";
    for case in ["slow", "garbled"] {
        assert_eq!((said(case), caution(case)), (sorry.to_owned(), None), "{case}");
    }
    for (case, half) in [("dies", "Half an answer"), ("stalls", "Half of it")] {
        assert_eq!(said(case), format!("{half}\n\n{sorry}"));
        assert_eq!(caution(case).as_deref(), Some("reply-interrupted"));
    }
    assert!(said("endless").starts_with("on and on ") && said("endless").ends_with(sorry), "{}", said("endless"));
    assert!(said("endless").len() < 2_048 + 200, "it was cut off at its limit");
    assert_eq!((said("busy"), said("slip")), ("Here I am again.".into(), "It says hello.".into()));
    assert!(said("stubborn").contains("no reliable answer"), "{}", said("stubborn"));
    assert_eq!(said("hang"), "The desk does not answer.");
    let asked = |case: &str| model.asked().iter().filter(|prompt| last(prompt, "user").ends_with(case)).count();
    assert_eq!((asked("slow"), asked("dies"), asked("busy"), asked("garbled")), (3, 1, 2, 1), "asked again where safe");
    traces(&host, &acme, &cases).await;
    host.stop().unwrap();
}

/// What the admin and the operator find afterwards.
async fn traces(host: &Host, acme: &Tenant, cases: &BTreeMap<&str, String>) {
    let audit = acme.owner.get("/v1/admin/audit?limit=200").await.unwrap().with(200).unwrap();
    let entries = audit["entries"].as_array().unwrap();
    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).cloned().collect::<Vec<_>>();
    assert_eq!(of("agent.hand-off").len(), 6);
    let hung = of("agent.tool.call").into_iter().filter(|entry| entry.to_string().contains("timed-out")).count();
    assert_eq!(hung, 1);
    let agents = acme.owner.get("/v1/admin/agents").await.unwrap().with(200).unwrap();
    for agent in agents["agents"].as_array().unwrap() {
        assert_eq!(agent["replies"], 0, "none is at work any more");
        assert!(agent["used_today"][0]["calls"].as_u64().unwrap() > 1, "{agent}");
    }
    let hasty = agents["agents"].as_array().unwrap().iter().find(|agent| agent["member"]["name"] == "Hasty").unwrap();
    // Where the provider did not say what was used, it is estimated.
    assert!(hasty["used_today"][0]["cost_micros"].as_u64().unwrap() > 0, "{hasty}");
    let queue = acme.person(1).unwrap().client.get("/v1/support/queue?state=waiting").await.unwrap().with(200).unwrap();
    assert_eq!(queue["conversations"].as_array().unwrap().len(), 6);
    assert!(queue["conversations"].as_array().unwrap().iter().all(|case| case["note"].is_string()), "{queue}");
    assert!(queue["conversations"].as_array().unwrap().iter().all(|case| case["conversation"] != cases["busy"]));
    let tenant = crate::agents::tenant_id(host, "acme").await;
    let path = format!("/v1/operator/dead-letters?tenant={tenant}&consumer=agents");
    let letters = host.operator().get(&path).await.unwrap().with(200).unwrap();
    assert_eq!(letters["letters"], json!([]), "people were told, so there is nothing to replay");
    let metrics = reqwest::get(format!("{}/metrics", host.base())).await.unwrap().text().await.unwrap();
    for line in [
        r#"agent_replies_total{outcome="failed"} 5"#,
        r#"agent_replies_total{outcome="again"} 3"#,
        r#"agent_tool_calls_total{outcome="timed-out"} 1"#,
        r#"model_calls_total{model="house",outcome="unavailable"} 1"#,
    ] {
        assert!(metrics.contains(line), "no {line}");
    }
}
