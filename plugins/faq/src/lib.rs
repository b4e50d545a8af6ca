//! Frequent questions: answers from the tenant's table, without a model, and people where nothing fits.

mod config;
mod likeness;
mod table;

pub use config::{Answer, Config, Entry};

use agent_kit::{Language, asks_for_a_person};
use table::{Match, Table};
use warbler_sdk::{Agent, Body, Failure, Message, Plugin, Turn};

/// Letters of the question that a note to people repeats.
const QUOTED: usize = 400;

/// The plugin: its configuration, and its table, prepared for matching.
pub struct Faq {
    config: Config,
    table: Table,
}

impl Plugin for Faq {
    fn init(config: &str) -> Result<Self, String> {
        let config = Config::parse(config)?;
        Ok(Self { table: Table::new(&config), config })
    }
}

impl Agent for Faq {
    fn reply(&self, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure> {
        let question = match &trigger.body {
            Body::Text(text) => text.trim(),
            Body::File(_) | Body::Custom(_) => "",
        };
        let language = self.config.language.of([question]);
        if question.is_empty() {
            let _ = turn.say(language.pick("抱歉，我只能阅读文字消息。", "Sorry, I can only read text."));
            return Ok(());
        }
        if self.config.hand_over && asks_for_a_person(question, &self.config.hand_over_phrases) {
            let _ = turn
                .say(language.pick("好的，正在为您转接人工服务。", "Of course. I am handing you over to a colleague."));
            turn.hand_off(&note("asked for a person", question));
            return Ok(());
        }
        match self.table.find(question, &self.config) {
            Match::Answer(answer) => drop(turn.say(answer.in_language(language))),
            Match::Like(questions) => drop(turn.say(&suggestions(&questions, language))),
            Match::Nothing => self.give_up(question, language, turn),
        }
        Ok(())
    }
}

impl Faq {
    fn give_up(&self, question: &str, language: Language, turn: &dyn Turn) {
        if !self.config.hand_over {
            let _ = turn.say(language.pick("抱歉，我没有找到这个问题的答案。", "Sorry, I have no answer to that."));
            return;
        }
        let _ = turn.say(language.pick(
            "抱歉，我没有找到这个问题的答案，正在为您转接人工服务。",
            "Sorry, I have no answer to that. I am handing you over to a colleague.",
        ));
        turn.hand_off(&note("no question of the table fits", question));
    }
}

fn note(reason: &str, question: &str) -> String {
    let quoted: String = question.chars().take(QUOTED).collect();
    format!("{reason}\n{quoted}")
}

fn suggestions(questions: &[&str], language: Language) -> String {
    let mut text = language.pick("您是不是想问：", "Did you mean:").to_owned();
    for question in questions {
        text.push_str("\n- ");
        text.push_str(question);
    }
    text
}

warbler_sdk::export!(Faq: Agent);
