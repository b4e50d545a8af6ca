//! The hook bench's work as a Warbler plugin. Without words it is the empty hook that shows what the
//! border alone costs.

use serde::Deserialize;
use warbler_bench_words::Matcher;
use warbler_sdk::{ContentFilter, Decision, Failure, Finding, Message, Plugin, Verdict, config};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    words: Vec<String>,
}

struct Words {
    matcher: Option<Matcher>,
}

impl Plugin for Words {
    fn init(config: &str) -> Result<Self, String> {
        let config: Config = config::parse(config)?;
        if config.words.is_empty() {
            return Ok(Self { matcher: None });
        }
        let matcher = Matcher::new(&config.words).ok_or("too many words")?;
        Ok(Self { matcher: Some(matcher) })
    }
}

impl ContentFilter for Words {
    fn check(&self, message: &Message) -> Result<Decision, Failure> {
        let (Some(matcher), Some(text)) = (&self.matcher, message.text()) else { return Ok(Decision::pass()) };
        let hits = matcher.find(text);
        if hits.is_empty() {
            return Ok(Decision::pass());
        }
        let finding = |(start, end)| Finding { label: "word".into(), rule: "list".into(), start, end, score: 1.0 };
        Ok(Decision { verdict: Verdict::Flag, findings: hits.into_iter().map(finding).collect() })
    }
}

warbler_sdk::export!(Words: ContentFilter);
