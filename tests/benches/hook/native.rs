//! The baselines: the same work in native code, without any border.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use warbler_bench_words::{Matcher, messages, words};
use warbler_text::{DEFAULT_CATEGORY, Entry, Lexicon, LexiconSet, MessageLexicons, Mode};

use crate::contestant::Contestant;

/// Calls of one round.
const CALLS: usize = 20_000;

/// The bench's matcher.
pub(crate) struct Native {
    matcher: Matcher,
    messages: Vec<String>,
}

impl Native {
    pub(crate) fn new() -> Result<Self> {
        let matcher = Matcher::new(&words()).context("the words are too many")?;
        Ok(Self { matcher, messages: messages() })
    }
}

impl Contestant for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn measure(&mut self, _threads: &Runtime) -> Result<f64> {
        let began = Instant::now();
        for text in self.messages.iter().cycle().take(CALLS) {
            black_box(self.matcher.find(black_box(text)));
        }
        Ok(began.elapsed().as_nanos() as f64 / CALLS as f64)
    }
}

/// The list that the keyword filter asks for.
pub(crate) const LIST: &str = "bench";

/// The host's own matching of the same words: normalise, then find.
pub(crate) struct NativeLexicon {
    lists: Arc<LexiconSet>,
    messages: Vec<Arc<str>>,
}

impl NativeLexicon {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { lists: Arc::new(lists()?), messages: messages().into_iter().map(Arc::from).collect() })
    }
}

/// The bench's words as a word list.
pub(crate) fn lists() -> Result<LexiconSet> {
    let entry = |word: String| Entry { word, category: DEFAULT_CATEGORY.into(), mode: Mode::Substring };
    let list = Lexicon::compile(LIST, words().into_iter().map(entry))?;
    Ok(LexiconSet::new().with_list(Arc::new(list)))
}

impl Contestant for NativeLexicon {
    fn name(&self) -> &'static str {
        "native-lexicon"
    }

    fn measure(&mut self, _threads: &Runtime) -> Result<f64> {
        let began = Instant::now();
        for text in self.messages.iter().cycle().take(CALLS) {
            let lexicons = MessageLexicons::new(Arc::clone(&self.lists), Arc::clone(text));
            black_box(lexicons.find(&[LIST], text)?);
        }
        Ok(began.elapsed().as_nanos() as f64 / CALLS as f64)
    }
}
