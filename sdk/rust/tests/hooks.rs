//! Plugins of every hook, written as their authors would, against the testing host.

#![allow(clippy::unwrap_used)]
use warbler_sdk::http::{Request, Response};
use warbler_sdk::log::Level;
use warbler_sdk::models::{Line, Part, Prompt, Speaker, Usage};
use warbler_sdk::{
    Agent, BackupSink, BlobInfo, ContentFilter, Decision, Failure, Finding, Message, Notification, Outcome, Passage,
    Plugin, Push, Tool, Turn, Verdict, http, lexicons, log, models, secrets, storage, system, testing,
};

struct Everything {
    list: String,
}

impl Plugin for Everything {
    fn init(config: &str) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct Config {
            list: String,
        }
        let Config { list } = warbler_sdk::config::parse(config)?;
        Ok(Self { list })
    }
}

impl ContentFilter for Everything {
    fn check(&self, message: &Message) -> Result<Decision, Failure> {
        let text = message.body.text();
        let hits = lexicons::find(std::slice::from_ref(&self.list), text).map_err(Failure::Misconfigured)?;
        if hits.is_empty() {
            return Ok(Decision::pass());
        }
        log::info!("{} hits at {}", hits.len(), system::now());
        let findings = hits.into_iter().map(|hit| Finding {
            label: hit.category,
            rule: hit.word,
            start: hit.start,
            end: hit.end,
            score: 1.0,
        });
        Ok(Decision::hold("listed", "A listed word was found.").with_findings(findings))
    }
}

impl Push for Everything {
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
        let token = secrets::get("token").ok_or_else(|| Failure::Misconfigured("no token".to_owned()))?;
        batch
            .iter()
            .map(|notification| {
                let request = Request::new("POST", "https://push.example.com/send")
                    .header("authorization", &token)
                    .body(notification.title.as_bytes());
                match http::fetch(&request) {
                    Ok(Response { status: 200, .. }) => Ok(Outcome::Accepted(None)),
                    Ok(Response { status: 410, .. }) => Ok(Outcome::Gone),
                    Ok(_) | Err(_) => Ok(Outcome::Retry(1_000)),
                }
            })
            .collect()
    }
}

impl Agent for Everything {
    fn reply(&self, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure> {
        let line = Line {
            speaker: Speaker::User,
            text: trigger.body.text().to_owned(),
            tool_calls: Vec::new(),
            tool_call_id: None,
        };
        let prompt = Prompt { lines: vec![line], tools: Vec::new(), temperature: None, max_tokens: None };
        for part in models::complete("small", &prompt).map_err(|error| Failure::Unsupported(format!("{error:?}")))? {
            if let Ok(Part::Text(text)) = part {
                turn.say(&text).map_err(Failure::Unsupported)?;
            }
        }
        Ok(())
    }
}

impl BackupSink for Everything {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        storage::set(name, bytes).map_err(Failure::Misconfigured)
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        let (offset, length) = (usize::try_from(offset).unwrap(), usize::try_from(length).unwrap());
        Ok(storage::get(name).map(|bytes| bytes.into_iter().skip(offset).take(length).collect()))
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        let size = |name: &str| storage::get(name).map_or(0, |bytes| bytes.len() as u64);
        let names = storage::keys(prefix, after, 1_000);
        Ok(names.into_iter().map(|name| BlobInfo { size: size(&name), name }).collect())
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        storage::delete(name);
        Ok(())
    }
}

warbler_sdk::export!(Everything: ContentFilter, Agent, Push, BackupSink);

fn plugin() -> Everything {
    Everything { list: "fraud".to_owned() }
}

#[test]
fn a_configuration_without_its_field_is_refused_in_a_sentence_that_names_it() {
    let sentence = Everything::init("{}").err().unwrap();
    assert!(sentence.contains("`list`"), "{sentence}");
}

#[test]
fn a_filter_finds_words_of_the_testing_hosts_lists_and_may_log() {
    let host = testing::Host::new().with_now(7).with_lexicon("fraud", &[("安全账户", "transfer")]).start();
    assert_eq!(plugin().check(&testing::message("hello")).unwrap(), Decision::pass());
    let decision = plugin().check(&testing::message("转到安全账户")).unwrap();
    assert!(matches!(decision.verdict, Verdict::Hold(_)));
    let finding = decision.findings.first().unwrap();
    assert_eq!((finding.start, finding.end), (6, 18));
    assert_eq!(host.logs(), [(Level::Info, "1 hits at 7".to_owned())]);
}

#[test]
fn a_word_list_that_is_not_there_is_an_error_that_names_it() {
    let failure = plugin().check(&testing::message("hello")).unwrap_err();
    assert_eq!(failure, Failure::Misconfigured("there is no word list \"fraud\"".to_owned()));
}

#[test]
fn a_push_provider_gets_its_secret_and_the_answers_it_was_given() {
    let answer = |request: &Request| {
        assert_eq!(request.headers, [("authorization".to_owned(), "hunter2".to_owned())]);
        let status = if request.body == b"dead" { 410 } else { 200 };
        Ok(Response { status, headers: Vec::new(), body: Vec::new() })
    };
    let _host = testing::Host::new().with_secret("token", "hunter2").with_http(answer).start();
    let outcomes = plugin().deliver(&[notification("alive"), notification("dead")]).unwrap();
    assert_eq!(outcomes, [Outcome::Accepted(None), Outcome::Gone]);
}

#[test]
fn without_a_granted_host_a_request_is_denied() {
    let _host = testing::Host::new().with_secret("token", "hunter2").start();
    assert_eq!(plugin().deliver(&[notification("alive")]).unwrap(), [Outcome::Retry(1_000)]);
}

#[test]
fn an_agent_says_what_the_model_answers() {
    let answer = |model: &str, prompt: &Prompt| {
        assert_eq!(model, "small");
        let text = prompt.lines.first().map(|line| line.text.to_uppercase()).unwrap_or_default();
        Ok(vec![Part::Text(text), Part::Finished(Usage { prompt_tokens: 1, completion_tokens: 1 })])
    };
    let _host = testing::Host::new().with_models(answer).start();
    let turn = Recorder::default();
    plugin().reply(&testing::message("hello"), &turn).unwrap();
    assert_eq!(turn.said.into_inner(), ["HELLO"]);
}

#[test]
fn the_testing_hosts_storage_keeps_order_and_its_quota() {
    let _host = testing::Host::new().with_quota(12).start();
    let sink = plugin();
    sink.put("b/2", b"xy").unwrap();
    sink.put("b/1", b"xyz").unwrap();
    assert_eq!(
        sink.put("b/3", b"z").unwrap_err(),
        Failure::Misconfigured("the storage quota of 12 bytes would be passed".to_owned())
    );
    assert_eq!(sink.get("b/1", 1, 9).unwrap(), Some(b"yz".to_vec()));
    let names = |after| sink.list("b/", after).unwrap().into_iter().map(|blob| blob.name).collect::<Vec<_>>();
    assert_eq!(names(None), ["b/1", "b/2"]);
    assert_eq!(names(Some("b/1")), ["b/2"]);
    sink.delete("b/1").unwrap();
    assert_eq!(sink.get("b/1", 0, 9).unwrap(), None);
}

#[test]
fn what_one_test_gave_to_its_host_is_gone_when_it_ends() {
    drop(testing::Host::new().with_secret("token", "hunter2").start());
    assert_eq!(secrets::get("token"), None);
}

#[derive(Default)]
struct Recorder {
    said: std::cell::RefCell<Vec<String>>,
}

impl Turn for Recorder {
    fn history(&self, _limit: u32) -> Vec<Message> {
        Vec::new()
    }

    fn say(&self, text: &str) -> Result<(), String> {
        self.said.borrow_mut().push(text.to_owned());
        Ok(())
    }

    fn search(&self, _query: &str, _limit: u32) -> Vec<Passage> {
        Vec::new()
    }

    fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }

    fn call(&self, name: &str, _arguments: &str) -> Result<String, String> {
        Err(format!("there is no tool {name:?}"))
    }

    fn hand_off(&self, _reason: &str) {}
}

fn notification(title: &str) -> Notification {
    Notification {
        id: "1".to_owned(),
        endpoint: warbler_sdk::Endpoint {
            id: "1".to_owned(),
            kind: "web-push".to_owned(),
            address: "{}".to_owned(),
            locale: "en".to_owned(),
        },
        title: title.to_owned(),
        body: String::new(),
        conversation: "1".to_owned(),
        collapse_key: None,
        badge: 1,
        urgency: warbler_sdk::Urgency::Normal,
        expires_at: 0,
        secret: false,
    }
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_that_passes_by_itself() {
    let broken = |_: &str, _: &Prompt| Ok(vec![Ok(Part::Text("Half".to_owned())), Err(models::Error::Unavailable(7))]);
    let _host = testing::Host::new().with_model_parts(broken).start();
    let whole = models::complete("small", &Prompt::new(vec![Line::user("hello")])).unwrap().whole();
    assert_eq!(whole.map_err(Failure::from), Err(Failure::Unavailable(7)));
}

#[test]
fn a_room_gives_what_it_was_given_and_remembers_what_was_done() {
    let tool = Tool { name: "clock".to_owned(), description: String::new(), parameters: "{}".to_owned() };
    let history = (0..60).map(|number| testing::message(&number.to_string())).collect();
    let room = testing::Room::new()
        .with_history(history)
        .with_passage("Handbook", "Noon is at twelve.")
        .with_tools(vec![tool], |_, arguments| Ok(arguments.to_owned()));
    let texts: Vec<_> = room.history(1_000).iter().map(|message| message.body.text().to_owned()).collect();
    assert_eq!((texts.len(), texts.first().unwrap().as_str(), texts.last().unwrap().as_str()), (50, "10", "59"));
    assert_eq!(room.search("noon", 5).len(), 1);
    assert_eq!(room.call("clock", "{\"at\":1}"), Ok("{\"at\":1}".to_owned()));
    assert_eq!(room.call("door", "{}"), Err("there is no tool \"door\"".to_owned()));
    assert_eq!(room.calls().len(), 2);
    assert_eq!(testing::Room::new().stopped("enough").say("hello"), Err("enough".to_owned()));
}
