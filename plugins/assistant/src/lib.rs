//! The assistant: answers in a conversation with a chat model, from the tenant's documents and with its tools, and
//! hands over to people where it should.

mod budget;
mod cite;
mod config;
mod opening;
mod prompt;
mod reply;
mod tools;

pub use config::Config;

use warbler_sdk::{Agent, Failure, Message, Plugin, Turn};

/// The plugin.
pub struct Assistant {
    config: Config,
}

impl Plugin for Assistant {
    fn init(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::parse(config)? })
    }
}

impl Agent for Assistant {
    fn reply(&self, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure> {
        reply::reply(&self.config, trigger, turn)
    }
}

warbler_sdk::export!(Assistant: Agent);
