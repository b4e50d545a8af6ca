//! A conversation for unit tests of agents.

use std::cell::RefCell;

use crate::{Message, Passage, Tool, Turn};

/// Calls a tool, by its name, with JSON.
type Caller = Box<dyn Fn(&str, &str) -> Result<String, String>>;

/// A turn in a conversation that holds what it is given, and remembers what was said and done in it.
///
/// ```
/// use warbler_sdk::{Turn, testing};
///
/// let room = testing::Room::new().with_history(vec![testing::message("before")]);
/// room.say("hello")?;
/// room.hand_off("a person should look");
/// assert_eq!((room.reply(), room.handed_off()), ("hello".to_owned(), Some("a person should look".to_owned())));
/// # Ok::<(), String>(())
/// ```
#[derive(Default)]
pub struct Room {
    history: Vec<Message>,
    knowledge: Vec<Passage>,
    tools: Vec<Tool>,
    caller: Option<Caller>,
    stopped: Option<String>,
    reply: RefCell<String>,
    calls: RefCell<Vec<(String, String)>>,
    handed_off: RefCell<Option<String>>,
}

impl Room {
    /// An empty one, without knowledge or tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts messages before the trigger, the oldest first.
    #[must_use]
    pub fn with_history(mut self, history: Vec<Message>) -> Self {
        self.history = history;
        self
    }

    /// Adds a passage that every search finds, in the order in which they were added.
    #[must_use]
    pub fn with_passage(mut self, source: &str, text: &str) -> Self {
        self.knowledge.push(Passage { source: source.to_owned(), text: text.to_owned(), score: 1.0 });
        self
    }

    /// Grants tools, which `call` answers.
    #[must_use]
    pub fn with_tools(
        mut self,
        tools: Vec<Tool>,
        call: impl Fn(&str, &str) -> Result<String, String> + 'static,
    ) -> Self {
        self.tools = tools;
        self.caller = Some(Box::new(call));
        self
    }

    /// Has a person or a filter stop the reply, with this sentence.
    #[must_use]
    pub fn stopped(mut self, why: &str) -> Self {
        self.stopped = Some(why.to_owned());
        self
    }

    /// Everything that was said.
    #[must_use]
    pub fn reply(&self) -> String {
        self.reply.borrow().clone()
    }

    /// The tools that were called, with their arguments.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String)> {
        self.calls.borrow().clone()
    }

    /// Why it was handed to people, if it was.
    #[must_use]
    pub fn handed_off(&self) -> Option<String> {
        self.handed_off.borrow().clone()
    }
}

impl Turn for Room {
    fn history(&self, limit: u32) -> Vec<Message> {
        // As the host does: at most 50, and those nearest to the trigger.
        let limit = usize::try_from(limit.min(50)).unwrap_or(50);
        self.history.iter().skip(self.history.len().saturating_sub(limit)).cloned().collect()
    }

    fn say(&self, text: &str) -> Result<(), String> {
        if let Some(why) = &self.stopped {
            return Err(why.clone());
        }
        self.reply.borrow_mut().push_str(text);
        Ok(())
    }

    fn search(&self, _query: &str, limit: u32) -> Vec<Passage> {
        self.knowledge.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect()
    }

    fn tools(&self) -> Vec<Tool> {
        self.tools.clone()
    }

    fn call(&self, name: &str, arguments: &str) -> Result<String, String> {
        self.calls.borrow_mut().push((name.to_owned(), arguments.to_owned()));
        match &self.caller {
            Some(call) if self.tools.iter().any(|tool| tool.name == name) => call(name, arguments),
            _ => Err(format!("there is no tool {name:?}")),
        }
    }

    fn hand_off(&self, reason: &str) {
        *self.handed_off.borrow_mut() = Some(reason.to_owned());
    }
}
