//! {{name}}: answers questions from the tenant's knowledge base, and hands what it does not know to people. A start
//! for an agent of your own.

use serde::Deserialize;
use warbler_sdk::models::{self, Line, Part, Prompt};
use warbler_sdk::{Agent, Failure, Message, Passage, Plugin, Role, Turn, config, log};

/// Messages of the conversation that the model is given.
const HISTORY: u32 = 20;

/// The tenant's configuration; `manifest.json` has its schema.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The model that is asked, by the operator's name for it.
    model: String,
    /// What it is told about its task.
    instructions: String,
    /// How many passages it is given.
    passages: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: "default".to_owned(),
            instructions: "Answer in one or two sentences, from the passages alone.".to_owned(),
            passages: 5,
        }
    }
}

/// The agent, ready to reply.
struct Helper {
    config: Config,
}

impl Plugin for Helper {
    fn init(config: &str) -> Result<Self, String> {
        let config: Config = config::parse(config)?;
        if config.model.trim().is_empty() {
            return Err("`model` is empty".to_owned());
        }
        Ok(Self { config })
    }
}

impl Agent for Helper {
    fn reply(&self, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure> {
        let question = trigger.body.text();
        let passages = turn.search(question, self.config.passages);
        if passages.is_empty() {
            turn.hand_off("The knowledge base has nothing about this.");
            return Ok(());
        }
        log::info!("answering from {} passages", passages.len());
        let prompt = self.prompt(question, &passages, &turn.history(HISTORY));
        for part in models::complete(&self.config.model, &prompt)? {
            // Whoever stops a reply as it grows has the last word: leaving drops the completion, which cancels it.
            if let Part::Text(text) = part?
                && turn.say(&text).is_err()
            {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Helper {
    fn prompt(&self, question: &str, passages: &[Passage], history: &[Message]) -> Prompt {
        let mut instructions = self.config.instructions.clone();
        for Passage { source, text, .. } in passages {
            instructions.push_str(&format!("\n\nFrom {source}:\n{text}"));
        }
        let earlier = history.iter().map(|message| match message.sender.role {
            Role::Agent => Line::assistant(message.body.text()),
            _ => Line::user(message.body.text()),
        });
        let lines = [Line::system(instructions)].into_iter().chain(earlier).chain([Line::user(question)]);
        Prompt::new(lines.collect())
    }
}

warbler_sdk::export!(Helper: Agent);

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_sdk::testing::{self, Host, Room, message};

    fn helper() -> Helper {
        Helper::init("{}").unwrap()
    }

    #[test]
    fn what_the_knowledge_base_has_is_answered() {
        let answer = |_: &str, prompt: &Prompt| Ok(vec![Part::Text(format!("{} lines", prompt.lines.len()))]);
        let _host = Host::new().with_models(answer).start();
        let room = Room::new().with_passage("Handbook", "We open at nine.").with_history(vec![message("Hello")]);
        helper().reply(&message("When do you open?"), &room).unwrap();
        assert_eq!((room.reply().as_str(), room.handed_off()), ("3 lines", None));
    }

    #[test]
    fn what_it_does_not_have_is_handed_off() {
        let room = testing::Room::new();
        helper().reply(&message("Who are you?"), &room).unwrap();
        assert_eq!(room.reply(), "");
        assert!(room.handed_off().is_some());
    }

    #[test]
    fn a_reply_that_is_stopped_is_no_failure() {
        let _host = Host::new().with_models(|_, _| Ok(vec![Part::Text("Nine.".to_owned())])).start();
        let room = Room::new().with_passage("Handbook", "We open at nine.").stopped("a person stopped it");
        helper().reply(&message("When do you open?"), &room).unwrap();
    }
}
