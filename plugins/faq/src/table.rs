//! The table, prepared once, and asked.

use crate::config::{Answer, Config};
use crate::likeness::Cut;

/// Questions that are offered at most.
const OFFERED: usize = 3;

/// All ways to ask, cut for comparing, with the entry that each leads to.
pub(crate) struct Table {
    ways: Vec<(Cut, usize)>,
}

/// What was found.
#[derive(Debug, PartialEq)]
pub(crate) enum Match<'a> {
    /// The answer.
    Answer(&'a Answer),
    /// Questions that are like it, but not enough; the likest first.
    Like(Vec<&'a str>),
    /// Nothing.
    Nothing,
}

impl Table {
    /// Prepares the table of `config`.
    pub(crate) fn new(config: &Config) -> Self {
        let ways = config
            .entries
            .iter()
            .enumerate()
            .flat_map(|(number, entry)| entry.questions.iter().map(move |question| (Cut::new(question), number)));
        Self { ways: ways.collect() }
    }

    /// What `question` leads to.
    pub(crate) fn find<'a>(&self, question: &str, config: &'a Config) -> Match<'a> {
        let asked = Cut::new(question);
        let mut best: Vec<(f64, usize)> = vec![];
        for (way, number) in &self.ways {
            let likeness = asked.likeness(way);
            match best.iter_mut().find(|(_, known)| known == number) {
                Some(known) => known.0 = known.0.max(likeness),
                None => best.push((likeness, *number)),
            }
        }
        // Among alike ones the first of the table, so that admins decide by its order.
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let entry = |number: usize| config.entries.get(number);
        match best.first() {
            Some((likeness, number)) if *likeness >= config.threshold => {
                entry(*number).map_or(Match::Nothing, |entry| Match::Answer(&entry.answer))
            }
            Some((likeness, _)) if *likeness >= config.suggest_from => {
                let like = best.iter().take_while(|(likeness, _)| *likeness >= config.suggest_from).take(OFFERED);
                Match::Like(
                    like.filter_map(|(_, number)| entry(*number)?.questions.first().map(String::as_str)).collect(),
                )
            }
            _ => Match::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::parse(
            r#"{"entries": [
                {"questions": ["怎么退货", "如何申请退货", "How do I return an item?"], "answer": {"zh": "七天内", "en": "Within 7 days"}},
                {"questions": ["营业时间", "几点开门", "opening hours"], "answer": "9:00-17:00"}
            ]}"#,
        )
        .unwrap()
    }

    #[test]
    fn every_way_of_asking_leads_to_the_answer() {
        let config = config();
        let table = Table::new(&config);
        for question in ["请问怎么退货呢？", "我想申请退货", "how do i return items", "How can I return an itme?"]
        {
            assert_eq!(table.find(question, &config), Match::Answer(&config.entries[0].answer), "{question}");
        }
        assert_eq!(table.find("你们几点开门？", &config), Match::Answer(&config.entries[1].answer));
    }

    #[test]
    fn a_question_that_is_only_near_is_offered_what_it_may_mean() {
        let config = config();
        assert_eq!(Table::new(&config).find("退货怎么弄", &config), Match::Like(vec!["怎么退货"]));
    }

    #[test]
    fn another_question_finds_nothing() {
        let config = config();
        let table = Table::new(&config);
        for question in ["今天天气如何", "Where are you from?", "！！！"] {
            assert_eq!(table.find(question, &config), Match::Nothing, "{question}");
        }
    }
}
