//! What stands in a text: phrases of the rules' groups, links, accounts of other messengers, sums and
//! numbers. What they mean together is decided in `decide`.

use warbler_phrases::Folded;

use crate::links::links;
use crate::rules::{CONTACT, LINK, MONEY, NUMBER, Rules, SUSPECT_LINK};

/// A signal, in bytes of the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signal {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) group: u16,
}

/// Words before an account of another messenger.
const MESSENGERS: &[&str] = &[
    "微信",
    "威信",
    "薇信",
    "v信",
    "徽信",
    "加v",
    "加微",
    "加我v",
    "vx",
    "wx",
    "wechat",
    "weixin",
    "qq",
    "扣扣",
    "企鹅",
    "telegram",
    "电报",
    "纸飞机",
    "tg",
    "whatsapp",
    "whats app",
    "飞机号",
    "line id",
    "line:",
    "skype",
    "signal",
    "蝙蝠",
    "zangi",
    "potato",
];
/// Links that are accounts.
const ACCOUNT_LINKS: &[&str] =
    &["t.me/", "wa.me/", "telegram.me/", "line.me/", "api.whatsapp.com/", "chat.whatsapp.com/", "u.wechat.com/"];
/// The shortest name of an account: those of the Chinese messengers begin at five.
const MIN_ACCOUNT: usize = 5;
/// How far before its name a messenger may be named, in bytes: "微信号是：".
const BEFORE_ACCOUNT: usize = 18;
/// The shortest run of digits that is a number to call or write to.
const MIN_NUMBER: usize = 5;

/// Signals looked at in one text, which bounds the work; honest messages have a few dozen.
const MAX_SIGNALS: usize = 4_000;
/// No phrase is longer than this, in bytes.
pub(crate) const LONGEST_PHRASE: usize = 64;

/// All signals of a text, in order of their start; none if no rule could hold for them.
pub(crate) fn signals(rules: &Rules, trusted: &[String], folded: &Folded<'_>) -> Vec<Signal> {
    let text = folded.text();
    let mut found: Vec<Signal> =
        rules.phrases.find(text).map(|hit| Signal { start: hit.start, end: hit.end, group: hit.id }).collect();
    for link in links(text, trusted) {
        let named = text.get(link.start..link.end).unwrap_or_default();
        let is_account = ACCOUNT_LINKS.iter().any(|account| named.contains(account));
        let (start, end) = (link.start, link.end);
        found.push(Signal { start, end, group: LINK });
        if link.suspect {
            found.push(Signal { start, end, group: SUSPECT_LINK });
        }
        if is_account {
            found.push(Signal { start, end, group: CONTACT });
        }
    }
    for (start, token) in tokens(text) {
        token_signals(text, start, token, &mut found);
    }
    if !rules.may_hold(found.iter().map(|signal| signal.group)) {
        return Vec::new();
    }
    found.sort_unstable();
    found.truncate(MAX_SIGNALS);
    without_inner_cautions(rules, &found)
}

/// Leaves out cautions inside other phrases: "do not hang up" presses, and cautions nobody.
fn without_inner_cautions(rules: &Rules, found: &[Signal]) -> Vec<Signal> {
    let warns = [rules.caution, rules.notice];
    let is_inner = |inner: &Signal| {
        let from = found.partition_point(|signal| signal.start + LONGEST_PHRASE < inner.start);
        let near = found.iter().skip(from).take_while(|signal| signal.start <= inner.start);
        near.filter(|signal| !warns.contains(&signal.group)).any(|signal| inner.end <= signal.end)
    };
    found.iter().filter(|signal| signal.group != rules.caution || !is_inner(signal)).copied().collect()
}

/// Runs of letters, digits and what stands inside account names and numbers; only such as have a digit
/// or an underscore, because no other is a number, a sum or an account.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let sign = at + rest.iter().position(|byte| byte.is_ascii_digit() || *byte == b'_')?;
        let before = bytes.get(..sign)?.iter().rev().take_while(|byte| inside(byte)).count();
        let after = bytes.get(sign..)?.iter().take_while(|byte| inside(byte)).count();
        at = sign + after;
        Some((sign - before, text.get(sign - before..at)?))
    })
}

fn token_signals(text: &str, start: usize, token: &str, found: &mut Vec<Signal>) {
    let end = start + token.len();
    let mut push = |group, start: usize, end: usize| found.push(Signal { start, end, group });
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    if digits >= MIN_NUMBER && token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        push(NUMBER, start, end);
    }
    if digits > 0 && is_sum(text, start, end, token) {
        push(MONEY, start, end);
    }
    // With a digit or an underscore, and as long as this, it may name an account rather than be a word.
    if token.len() < MIN_ACCOUNT {
        return;
    }
    let before = before(text, start);
    if let Some(at) = MESSENGERS.iter().filter_map(|name| before.rfind(name)).max() {
        push(CONTACT, start - (before.len() - at), end);
    }
}

/// The text shortly before a byte.
fn before(text: &str, start: usize) -> &str {
    let mut from = start.saturating_sub(BEFORE_ACCOUNT);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..start).unwrap_or_default()
}

fn is_sum(text: &str, start: usize, end: usize, token: &str) -> bool {
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let after = after.trim_start_matches([' ', '.', ',', '+']);
    before.trim_end().ends_with(['$', '£', '€', '¥', '￥'])
        || token.starts_with(|c: char| c.is_ascii_digit())
            && (["元", "块", "万", "千", "usd", "rmb", "dollars", "pounds", "euros", "美元", "k/月"]
                .iter()
                .any(|unit| after.starts_with(unit))
                || token.ends_with("usd")
                || token.ends_with("rmb"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn seen<'a>(folded: &'a Folded<'_>, group: u16) -> Vec<&'a str> {
        // One rule for each group, so that every signal counts.
        let rule = |(at, name)| format!(r#"{{"id":"{at}","label":"a","score":0.5,"all":["{name}"]}}"#);
        let rules: Vec<String> = (0..).zip(crate::rules::SIGNALS).map(rule).collect();
        let source = format!(
            r#"{{"groups":{{"caution":[],"notice":[]}},"labels":{{"a":{{"zh":"","en":""}}}},"rules":[{}]}}"#,
            rules.join(",")
        );
        let signals = signals(&Rules::parse(&source).unwrap(), &[], folded);
        let wanted = signals.iter().filter(|signal| signal.group == group);
        wanted.map(|signal| folded.text().get(signal.start..signal.end).unwrap()).collect()
    }

    #[test]
    fn accounts_of_other_messengers_are_found() {
        for (text, account) in [
            ("加微信：abc12345 详聊", "微信：abc12345"),
            ("加Ｖ abc_12345", "加v abc_12345"),
            ("QQ群 123456789", "qq群 123456789"),
            ("join t.me/earnfast", "t.me/earnfast"),
            ("write me on WhatsApp 447700900123", "whatsapp 447700900123"),
        ] {
            assert_eq!(seen(&Folded::new(text), CONTACT), [account.replace('：', ":")], "{text}");
        }
        assert_eq!(seen(&Folded::new("用微信或 telegram desktop 都可以"), CONTACT), [""; 0]);
    }

    #[test]
    fn sums_and_numbers_are_found() {
        assert_eq!(seen(&Folded::new("赚500元, $300, 20 usd, 3个"), MONEY), ["500", "300", "20"]);
        assert_eq!(seen(&Folded::new("call 08712402050 or 87121, room 12"), NUMBER), ["08712402050", "87121"]);
    }
}
