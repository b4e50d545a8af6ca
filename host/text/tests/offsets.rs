//! Properties of the offset map: whatever is written, a hit is exactly where it stands.
#![allow(clippy::unwrap_used, missing_docs, clippy::unicode_not_nfc)]

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use warbler_text::{Entry, Lexicon, Mode, mask, normalise};

/// Texts of the characters that are hard to fold, and of any others.
fn texts() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(
        "aAzZ09 .*-\n\r\tßẞﬃİıŉǰΐᾳΣςéÉ賭赌博Ａｱﾞﾟが각ᄀ각한Ａ①㊙㈱㍿ﷺ½´¨℡𝓕🅵🇫🇷👨👩👍🏽\u{200d}\u{fe0f}\u{200b}\u{202e}\u{ad}\u{feff}\u{301}\u{308}\u{327}\u{336}\u{338}\u{345}\u{20e3}\u{3099}\u{1175}\u{11a8}\u{1160}аеосрхіѕёйАЕОαοωΩµเก็ำक्षि\u{64e}\u{651}ש\u{5b0}\u{e0041}\u{fffd}\u{2028}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let any = prop_oneof![8 => hard, 1 => any::<char>(), 2 => prop::char::range('a', 'z')];
    prop::collection::vec(any, 0..40).prop_map(String::from_iter)
}

/// What people put between and around the characters of a word.
fn noise() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "", "\u{200b}", "\u{2060}\u{feff}", "\u{202e}", "*", ".", "😀", "-"])
        .prop_map(String::from)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_range_maps_to_whole_graphemes_in_order(text in texts()) {
        let normal = normalise(&text);
        let boundaries: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
        let mut before = 0..0;
        for (at, c) in normal.text().char_indices() {
            let range = normal.original(at..at + c.len_utf8());
            prop_assert!(range.start < range.end && range.end <= text.len(), "{range:?}");
            prop_assert!(text.get(range.clone()).is_some());
            let inner_crlf = |at: usize| text.get(at - 1..=at) == Some("\r\n");
            prop_assert!(boundaries.contains(&range.start) || inner_crlf(range.start), "{range:?} of {text:?}");
            prop_assert!(boundaries.contains(&range.end) || inner_crlf(range.end), "{range:?} of {text:?}");
            prop_assert!(before.start <= range.start && before.end <= range.end);
            before = range;
        }
    }

    #[test]
    fn normalising_again_changes_nothing(text in texts()) {
        let once = normalise(&text).text().to_owned();
        let again = normalise(&once).text().to_owned();
        prop_assert_eq!(once, again);
    }

    #[test]
    fn compatible_texts_have_one_form(text in texts()) {
        // A removed character may part what NFKC would compose; it is removed first here.
        let visible: String = text.chars().filter(|c| !normalise(&String::from(*c)).text().is_empty() || is_mark(*c)).collect();
        let (plain, composed) = (normalise(&visible), normalise(&visible.nfkc().collect::<String>()));
        prop_assert_eq!(plain.text(), composed.text());
    }

    #[test]
    fn masking_a_hidden_word_takes_it_away_and_nothing_else(
        word in prop::sample::select(vec!["赌博网站", "賭博網站", "加微信", "gamble", "ＧＡＭＢＬＥ"]),
        before in "[a-z0-9好的，。 é🙂]{0,12}", after in "[a-z0-9好的，。 é🙂]{0,12}",
        gaps in prop::collection::vec(noise(), 8),
    ) {
        let words = ["赌博网站", "加微信", "gamble"];
        let entries = words.map(|word| Entry { word: word.into(), category: String::new(), mode: Mode::Word });
        let lexicon = Lexicon::compile("test", entries).unwrap();
        let hidden: String = word.chars().zip(&gaps).flat_map(|(c, gap)| std::iter::once(c).chain(gap.chars())).collect();
        let last = gaps.get(word.chars().count() - 1).unwrap();
        let hidden = hidden.strip_suffix(last.as_str()).unwrap();
        let text = format!("{before}，{hidden}。{after}");
        let hits = lexicon.find(&normalise(&text));
        prop_assert_eq!(hits.len(), 1, "{:?}", text);
        let range = hits[0].start as usize..hits[0].end as usize;
        prop_assert_eq!(&text[range.clone()], hidden);
        let masked = mask(&text, &[range], '*');
        let stars = masked.strip_prefix(&format!("{before}，")).unwrap().strip_suffix(&format!("。{after}")).unwrap();
        prop_assert!(stars.len() >= word.chars().count() && stars.bytes().all(|byte| byte == b'*'), "{stars:?}");
        prop_assert!(lexicon.find(&normalise(&masked)).is_empty());
    }
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) && normalise(&format!("a{c}b")).text() != "ab"
}
