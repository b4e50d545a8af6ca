//! `lexicons`: the word lists that the caller of a hook lent it.

use warbler_domain::LexiconHit;

use crate::bindings::warbler::plugin::lexicons::{Hit, Host};
use crate::state::GuestState;

impl Host for GuestState {
    fn find(&mut self, lists: Vec<String>, text: String) -> wasmtime::Result<Result<Vec<Hit>, String>> {
        let Some(lexicons) = &self.lexicons else {
            return Ok(Err("word lists are lent for the time of a call, and there is none".into()));
        };
        Ok(lexicons.find(&lists, &text).map(|hits| hits.into_iter().map(hit).collect()))
    }
}

fn hit(LexiconHit { word, category, start, end }: LexiconHit) -> Hit {
    Hit { word, category, start, end }
}
