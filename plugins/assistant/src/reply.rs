//! A reply: from the trigger to the last word, or to the people who go on.

#[cfg(test)]
mod tests;

use agent_kit::{Language, asks_for_a_person};
use warbler_sdk::models::{self, Error, Line, Part, Prompt, Speaker, ToolCall};
use warbler_sdk::{Body, Failure, Message, Passage, Turn, log};

use crate::budget;
use crate::cite::Citations;
use crate::config::Config;
use crate::opening::{self, Opening};
use crate::prompt;
use crate::tools::Toolbox;

/// Letters of the question that a note to people repeats.
const QUOTED: usize = 100;

/// Answers `trigger`.
///
/// # Errors
/// The model is not available, or not set up.
pub(crate) fn reply(config: &Config, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure> {
    let question = match &trigger.body {
        Body::Text(text) => text.trim(),
        // What it cannot read it does not guess at.
        Body::File(_) | Body::Custom(_) => "",
    };
    let messages = turn.history(config.history_messages);
    let before = messages.iter().rev().filter_map(Message::text);
    let language = config.language.of(std::iter::once(question).chain(before));
    if question.is_empty() {
        let _ = turn.say(language.pick("抱歉，我只能阅读文字消息。", "Sorry, I can only read text."));
        return Ok(());
    }
    let mut reply = Reply { config, turn, language, question, passages: Vec::new(), said: String::new() };
    if config.hand_over_on_request && asks_for_a_person(question, &config.hand_over_phrases) {
        reply
            .say(language.pick("好的，正在为您转接人工服务。", "Of course. I am handing you over to a colleague."))
            .ok();
        reply.hand_over("asked for a person");
        return Ok(());
    }
    let history = budget::history(&messages, config.history_tokens);
    reply.passages = prompt::look_up(config, question, &history, turn);
    let lines = prompt::lines(config, language, &reply.passages, history, trigger, question);
    match reply.answer(lines) {
        // A person stopped it, or a filter did: there is nothing to add.
        Ok(()) | Err(Stop::Stopped) => Ok(()),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Why an answer did not come to its end.
enum Stop {
    /// Nobody wants to hear more.
    Stopped,
    /// The host has to know.
    Failed(Failure),
}

struct Reply<'a> {
    config: &'a Config,
    turn: &'a dyn Turn,
    language: Language,
    question: &'a str,
    passages: Vec<Passage>,
    said: String,
}

/// What one request to the model brought.
struct Round {
    text: String,
    calls: Vec<ToolCall>,
    unknown: bool,
}

impl Reply<'_> {
    /// Asks the model, calls its tools, asks again, until it has answered.
    fn answer(&mut self, mut lines: Vec<Line>) -> Result<(), Stop> {
        let mut toolbox = Toolbox::open(self.turn, self.config.tool_rounds);
        let mut citations = Citations::new(self.passages.len());
        for round in 0..=self.config.tool_rounds {
            // The last time there are no tools, so that it has to answer with what it has.
            let tools = if round < self.config.tool_rounds { toolbox.tools().to_vec() } else { Vec::new() };
            let came = self.ask(
                &Prompt {
                    lines: lines.clone(),
                    tools,
                    temperature: Some(self.config.temperature),
                    max_tokens: Some(self.config.max_answer_tokens),
                },
                &mut citations,
            )?;
            if came.calls.is_empty() || round == self.config.tool_rounds {
                return self.end(&came, &citations);
            }
            lines.push(Line {
                speaker: Speaker::Assistant,
                text: came.text,
                tool_calls: came.calls.clone(),
                tool_call_id: None,
            });
            lines.extend(toolbox.run(&came.calls, self.turn));
            if toolbox.failures() >= self.config.max_failures {
                return self.give_up("tools failed again and again");
            }
        }
        Ok(())
    }

    /// One request. Text is said as it comes.
    fn ask(&mut self, prompt: &Prompt, citations: &mut Citations) -> Result<Round, Stop> {
        let completion = models::complete(&self.config.model, prompt).map_err(|error| self.failed(error))?;
        let mut round = Round { text: String::new(), calls: Vec::new(), unknown: false };
        let mut opening = Opening::default();
        for part in completion {
            match part.map_err(|error| self.failed(error))? {
                Part::Text(text) => {
                    round.text.push_str(&text);
                    self.say(&citations.push(&opening.push(&text)))?;
                }
                Part::ToolCall(call) => round.calls.push(call),
                Part::Finished(_) => break,
            }
        }
        let mut rest = citations.push(&opening.finish());
        rest.push_str(&citations.finish());
        self.say(&rest)?;
        round.unknown = opening.is_unknown();
        Ok(round)
    }

    /// The model has answered: sources, or people if it does not know.
    fn end(&mut self, came: &Round, citations: &Citations) -> Result<(), Stop> {
        if self.said.trim().is_empty() || came.unknown {
            let reason = if came.unknown { "does not know the answer" } else { "the model had no answer" };
            return self.give_up(reason);
        }
        let sources = citations.sources(&self.said, &self.passages, self.language);
        self.say(&sources)?;
        let unsure = self.passages.is_empty() && opening::says_it_does_not_know(&self.said);
        if unsure && self.config.hand_over_when_unsure {
            self.hand_over("does not know the answer, and found nothing");
        }
        Ok(())
    }

    /// Says that it cannot help, and hands over where that is wished for.
    fn give_up(&mut self, reason: &str) -> Result<(), Stop> {
        let hands_over = self.config.hand_over_when_unsure;
        let sentence = if hands_over {
            self.language.pick(
                "抱歉，这个问题我没有可靠的答案，正在为您转接人工服务。",
                "Sorry, I have no reliable answer to that. I am handing you over to a colleague.",
            )
        } else {
            self.language.pick("抱歉，这个问题我没有可靠的答案。", "Sorry, I have no reliable answer to that.")
        };
        if !self.said.trim().is_empty() {
            self.say("\n\n")?;
        }
        self.say(sentence)?;
        if hands_over {
            self.hand_over(reason);
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        self.said.push_str(text);
        self.turn.say(text).map_err(|why| {
            log::debug!("the reply was stopped: {why}");
            Stop::Stopped
        })
    }

    /// Hands over with a note that says what is known so far.
    fn hand_over(&self, reason: &str) {
        let mut note =
            format!("{reason}\n{}: {}", self.language.pick("问题", "Question"), budget::cut(self.question, QUOTED));
        for passage in &self.passages {
            note.push_str(self.language.pick("\n查到的资料：", "\nFound: "));
            note.push_str(&passage.source);
        }
        self.turn.hand_off(&note);
    }

    /// A failure of the model in the host's words.
    fn failed(&self, error: Error) -> Stop {
        let model = &self.config.model;
        Stop::Failed(match error {
            Error::Unavailable(after) => Failure::Unavailable(after),
            Error::Denied(text) => Failure::Misconfigured(format!("the model {model:?} cannot be used: {text}")),
            Error::OverBudget => Failure::Unsupported("the budget for models is spent".to_owned()),
            Error::Refused(text) => Failure::Unsupported(format!("the model {model:?} refused: {text}")),
        })
    }
}
