//! What the bundled agents share: which language somebody writes, and whether they ask for a person. What an agent
//! answers does not live here.

mod language;
mod person;

pub use language::{Choice, Language};
pub use person::asks_for_a_person;
