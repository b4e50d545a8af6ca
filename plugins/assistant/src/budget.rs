//! Tokens, counted about: what of the history fits.

use warbler_sdk::models::{Line, Speaker};
use warbler_sdk::{Body, Message, Role};

/// What a line costs beside its text.
const PER_LINE: usize = 4;

/// About how many tokens `text` comes to: one for a Chinese letter, one for four bytes of others. Tokenizers differ
/// by model; the budget is a bound, not a bill.
pub(crate) fn tokens(text: &str) -> usize {
    let quarters: usize = text.chars().map(|c| if c.len_utf8() > 2 { 4 } else { c.len_utf8() }).sum();
    quarters.div_ceil(4)
}

/// The start of `text` that comes to about `most` tokens.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut quarters = 0;
    for (at, c) in text.char_indices() {
        quarters += if c.len_utf8() > 2 { 4 } else { c.len_utf8() };
        if quarters > most.saturating_mul(4) {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// The latest messages of the history that come to at most `most` tokens, oldest first, as lines of a prompt.
pub(crate) fn history(messages: &[Message], most: usize) -> Vec<Line> {
    let mut left = most;
    let mut lines: Vec<Line> = Vec::new();
    for message in messages.iter().rev() {
        let line = line(message);
        let cost = tokens(&line.text) + PER_LINE;
        if line.text.is_empty() {
            continue;
        }
        // A history with a hole in it would mislead, so the first that does not fit ends it.
        let Some(rest) = left.checked_sub(cost) else { break };
        left = rest;
        lines.push(line);
    }
    lines.reverse();
    lines
}

fn line(message: &Message) -> Line {
    let said = match &message.body {
        Body::Text(text) => text.trim().to_owned(),
        Body::File(file) => format!("[{}]", file.name),
        Body::Custom(_) => String::new(),
    };
    let speaker = if message.sender.role == Role::Agent { Speaker::Assistant } else { Speaker::User };
    let text = match (speaker, message.sender.name.trim()) {
        (Speaker::User, name) if !name.is_empty() && !said.is_empty() => format!("{name}: {said}"),
        _ => said,
    };
    Line { speaker, text, tool_calls: Vec::new(), tool_call_id: None }
}

#[cfg(test)]
mod tests {
    use warbler_sdk::testing::message;

    use super::*;

    #[test]
    fn the_latest_messages_are_kept_and_the_budget_is_held() {
        let messages: Vec<Message> = (0..100).map(|number| message(&format!("消息第{number}条"))).collect();
        let lines = history(&messages, 100);
        assert_eq!(lines.last().unwrap().text, "消息第99条");
        let cost: usize = lines.iter().map(|line| tokens(&line.text) + PER_LINE).sum();
        assert!(cost <= 100 && lines.len() > 5, "{cost} for {}", lines.len());
    }

    #[test]
    fn agents_speak_as_the_assistant_and_people_by_name() {
        let mut own = message("Hello");
        own.sender.role = Role::Agent;
        let mut named = message("Hi");
        named.sender.name = "Ana".to_owned();
        let lines = history(&[own, named], 100);
        assert_eq!((lines[0].speaker, lines[0].text.as_str()), (Speaker::Assistant, "Hello"));
        assert_eq!((lines[1].speaker, lines[1].text.as_str()), (Speaker::User, "Ana: Hi"));
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("你好世界", 2), "你好");
        assert_eq!(cut("abcdefgh", 1), "abcd");
        assert_eq!(cut("short", 100), "short");
    }
}
