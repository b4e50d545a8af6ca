//! Replies with a scripted model: what is said, asked, called and handed over. A real model answers in the
//! integration tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::rc::Rc;

use warbler_sdk::models::Usage;
use warbler_sdk::testing::{Host, Running, message};
use warbler_sdk::{CustomBody, Tool};

use super::*;

#[derive(Default)]
struct Room {
    history: Vec<Message>,
    knowledge: Vec<Passage>,
    tools: Vec<Tool>,
    stops_after: Option<usize>,
    said: RefCell<Vec<String>>,
    called: RefCell<Vec<(String, String)>>,
    handed_off: RefCell<Option<String>>,
}

impl Turn for Room {
    fn history(&self, limit: u32) -> Vec<Message> {
        let skipped = self.history.len().saturating_sub(limit as usize);
        self.history[skipped..].to_vec()
    }

    fn say(&self, text: &str) -> Result<(), String> {
        if self.stops_after.is_some_and(|most| self.said.borrow().len() >= most) {
            return Err("a person stopped the reply".to_owned());
        }
        self.said.borrow_mut().push(text.to_owned());
        Ok(())
    }

    fn search(&self, _query: &str, limit: u32) -> Vec<Passage> {
        self.knowledge.iter().take(limit as usize).cloned().collect()
    }

    fn tools(&self) -> Vec<Tool> {
        self.tools.clone()
    }

    fn call(&self, name: &str, arguments: &str) -> Result<String, String> {
        self.called.borrow_mut().push((name.to_owned(), arguments.to_owned()));
        if name == "broken" { Err("the till is jammed".to_owned()) } else { Ok("\"12:30\"".to_owned()) }
    }

    fn hand_off(&self, reason: &str) {
        *self.handed_off.borrow_mut() = Some(reason.to_owned());
    }
}

impl Room {
    fn with_tool(name: &str) -> Self {
        let tool = Tool { name: name.into(), description: String::new(), parameters: "{\"type\":\"object\"}".into() };
        Self { tools: vec![tool], ..Self::default() }
    }

    fn text(&self) -> String {
        self.said.borrow().concat()
    }
}

fn passage(source: &str, text: &str) -> Passage {
    Passage { source: source.to_owned(), text: text.to_owned(), score: 0.9 }
}

fn text(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = text.split_inclusive(' ').map(|word| Part::Text(word.to_owned())).collect();
    parts.push(Part::Finished(Usage { prompt_tokens: 1, completion_tokens: 1 }));
    parts
}

fn call(name: &str, arguments: &str) -> Vec<Part> {
    vec![Part::ToolCall(ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into() })]
}

/// A model that gives one answer after the other, the last one again and again, and the prompts that it got.
fn model(answers: Vec<Vec<Part>>) -> (Running, Rc<RefCell<Vec<Prompt>>>) {
    let prompts = Rc::new(RefCell::new(Vec::new()));
    let (kept, mut number) = (Rc::clone(&prompts), 0);
    let host = Host::new().with_models(move |_, prompt| {
        kept.borrow_mut().push(prompt.clone());
        number += 1;
        Ok(answers.get(number - 1).or(answers.last()).cloned().unwrap_or_default())
    });
    (host.start(), prompts)
}

fn ask(room: &Room, question: &str) -> Result<(), Failure> {
    reply(&Config::default(), &message(question), room)
}

#[test]
fn an_answer_is_said_as_it_comes_with_the_sources_that_it_cites() {
    let (_host, prompts) = model(vec![text("Ten days [1] and [9] no more.")]);
    let found = vec![passage("Handbook › Leave", "Ten days."), passage("B", "b")];
    let room = Room { knowledge: found, ..Room::default() };
    ask(&room, "How many days of leave?").unwrap();
    assert_eq!(room.text(), "Ten days [1] and  no more.\n\nSources:\n[1] Handbook › Leave");
    assert!(room.said.borrow().len() > 4, "it came in one piece: {:?}", room.said);
    assert!(prompts.borrow()[0].lines[0].text.contains("[1] Handbook › Leave\nTen days."));
    assert_eq!(*room.handed_off.borrow(), None);
}

#[test]
fn a_wish_for_a_person_is_met_without_a_model() {
    let _host = Host::new().start();
    let room = Room::default();
    ask(&room, "我要转人工").unwrap();
    assert!(room.text().contains("人工"));
    assert!(room.handed_off.borrow().as_ref().unwrap().contains("asked for a person"));
}

#[test]
fn a_model_that_does_not_know_hands_over_and_its_mark_is_not_said() {
    let (_host, _) = model(vec![text("[UNKNOWN] really")]);
    let room = Room { knowledge: vec![passage("A", "a")], ..Room::default() };
    ask(&room, "What is the meaning of life?").unwrap();
    assert!(!room.text().contains("UNKNOWN"));
    let note = room.handed_off.borrow().clone().unwrap();
    assert!(note.contains("does not know") && note.contains("meaning of life") && note.contains("Found: A"), "{note}");
}

#[test]
fn not_knowing_in_words_hands_over_only_where_that_is_wished_for() {
    let (_host, _) = model(vec![text("I don't know, sorry.")]);
    let room = Room::default();
    ask(&room, "Who won the game last night?").unwrap();
    assert!(room.handed_off.borrow().is_some());
    let config = Config { hand_over_when_unsure: false, ..Config::default() };
    let room = Room::default();
    reply(&config, &message("Who won the game last night?"), &room).unwrap();
    assert_eq!(*room.handed_off.borrow(), None);
}

#[test]
fn a_tool_is_called_and_the_model_answers_with_what_it_said() {
    let (_host, prompts) = model(vec![call("clock", r#"{"zone":"UTC"}"#), text("It is 12:30.")]);
    let room = Room::with_tool("clock");
    ask(&room, "What time is it?").unwrap();
    assert_eq!(*room.called.borrow(), [("clock".to_owned(), r#"{"zone":"UTC"}"#.to_owned())]);
    assert_eq!(room.text(), "It is 12:30.");
    let second = &prompts.borrow()[1];
    let told = second.lines.last().unwrap();
    assert_eq!((told.speaker, told.text.as_str()), (Speaker::Tool, "\"12:30\""));
    assert_eq!(told.tool_call_id.as_deref(), Some("c"));
}

#[test]
fn wrong_json_is_told_to_the_model_and_not_to_the_tool() {
    let (_host, prompts) = model(vec![call("clock", "{\"zone\": "), call("clock", "{}"), text("Half past.")]);
    let room = Room::with_tool("clock");
    ask(&room, "What time is it?").unwrap();
    assert_eq!(room.called.borrow().len(), 1);
    assert!(prompts.borrow()[1].lines.last().unwrap().text.starts_with("Error: the arguments are no JSON object"));
    assert_eq!(room.text(), "Half past.");
}

#[test]
fn tools_that_fail_again_and_again_hand_over() {
    let (_host, _) = model(vec![call("broken", "{}")]);
    let room = Room::with_tool("broken");
    ask(&room, "Please refund me").unwrap();
    assert_eq!(room.called.borrow().len(), 3);
    assert!(room.handed_off.borrow().as_ref().unwrap().contains("tools failed"));
}

#[test]
fn a_model_that_only_calls_tools_has_to_answer_in_the_end() {
    let (_host, prompts) = model(vec![call("clock", "{}")]);
    let room = Room::with_tool("clock");
    ask(&room, "What time is it?").unwrap();
    assert_eq!(prompts.borrow().len(), 5);
    assert!(prompts.borrow()[4].tools.is_empty());
    assert!(room.handed_off.borrow().is_some(), "there was no answer at all");
}

#[test]
fn a_model_that_is_away_is_the_hosts_to_know() {
    for (error, failure) in [
        (Error::Unavailable(1500), Failure::Unavailable(1500)),
        (Error::OverBudget, Failure::Unsupported("the budget for models is spent".into())),
    ] {
        let _host = Host::new().with_models(move |_, _| Err(error.clone())).start();
        assert_eq!(ask(&Room::default(), "Hello, how are you?"), Err(failure));
    }
    let denied = ask(&Room::default(), "Hello, how are you?").unwrap_err();
    assert!(matches!(denied, Failure::Misconfigured(_)));
}

#[test]
fn a_reply_that_is_stopped_ends_quietly() {
    let (_host, _) = model(vec![text("one two three four")]);
    let room = Room { stops_after: Some(2), ..Room::default() };
    assert_eq!(ask(&room, "Count, please"), Ok(()));
    assert_eq!(room.text(), "one two ");
}

#[test]
fn the_language_is_that_of_whoever_asks() {
    let (_host, prompts) = model(vec![text("好的。")]);
    ask(&Room::default(), "请问几点关门？").unwrap();
    ask(&Room::default(), "When do you close?").unwrap();
    let prompts = prompts.borrow();
    assert!(
        prompts[0].lines[0].text.contains("简体中文")
            && prompts[1].lines[0].text.contains("in the language in which the user writes")
    );
}

#[test]
fn what_it_cannot_read_is_answered_without_guessing_at_it() {
    let _host = Host::new().start();
    let room = Room { history: vec![message("你好")], ..Room::default() };
    let mut order = message("");
    order.body = Body::Custom(CustomBody { kind: "order".into(), json: "{}".into() });
    reply(&Config::default(), &order, &room).unwrap();
    assert_eq!(room.text(), "抱歉，我只能阅读文字消息。");
}
