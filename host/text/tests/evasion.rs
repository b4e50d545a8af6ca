//! Ways in which people hide listed words, in Chinese and English, and honest texts that look alike.
#![allow(clippy::unwrap_used, missing_docs)]

use warbler_text::{Entry, Lexicon, Mode, mask, normalise};

fn list(words: &[(&str, Mode)]) -> Lexicon {
    let entry = |(word, mode): &(&str, Mode)| Entry { word: (*word).into(), category: "test".into(), mode: *mode };
    Lexicon::compile("test", words.iter().map(entry)).unwrap()
}

fn words() -> Lexicon {
    list(&[
        ("赌博", Mode::Word),
        ("赌博网站", Mode::Word),
        ("加vx", Mode::Word),
        ("代开发票", Mode::Substring),
        ("fuck", Mode::Word),
        ("shit", Mode::Word),
        ("sex", Mode::Word),
        ("casino", Mode::Substring),
        ("kill yourself", Mode::Word),
        ("hello", Mode::Exact),
    ])
}

/// What is found, as it stands in the original.
fn found<'a>(lexicon: &Lexicon, text: &'a str) -> Vec<&'a str> {
    let hits = lexicon.find(&normalise(text));
    hits.iter().map(|hit| text.get(hit.start as usize..hit.end as usize).unwrap()).collect()
}

#[test]
fn hidden_words_are_found_where_they_stand() {
    let lexicon = words();
    for (text, hidden) in [
        ("来赌博吧", "赌博"),
        ("来賭博吧", "賭博"),
        ("来赌\u{200b}博吧", "赌\u{200b}博"),
        ("来\u{202e}赌\u{2060}\u{feff}博\u{200b}吧", "赌\u{2060}\u{feff}博"),
        ("来赌 博吧", "赌 博"),
        ("来赌*博吧", "赌*博"),
        ("来赌...博吧", "赌...博"),
        ("来赌😀博吧", "赌😀博"),
        ("来赌👨‍👩‍👧博吧", "赌👨‍👩‍👧博"),
        ("上赌-博-网-站看", "赌-博-网-站"),
        ("赌,博,网,站", "赌,博,网,站"),
        ("赌\n博\n网\n站", "赌\n博\n网\n站"),
        ("赌\u{336}博\u{336}", "赌\u{336}博\u{336}"),
        ("请加ＶＸ聊", "加ＶＸ"),
        ("请加 v x 聊", "加 v x"),
        ("可代開發票哦", "代開發票"),
        ("oh FUCK you", "FUCK"),
        ("oh f u c k you", "f u c k"),
        ("oh f.u.c.k you", "f.u.c.k"),
        ("oh fu-ck you", "fu-ck"),
        ("oh ｆｕｃｋ you", "ｆｕｃｋ"),
        ("oh 𝓯𝓾𝓬𝓴 you", "𝓯𝓾𝓬𝓴"),
        ("oh 🅵🆄🅲🅺 you", "🅵🆄🅲🅺"),
        ("oh f\u{200d}u\u{ad}ck you", "f\u{200d}u\u{ad}ck"),
        ("oh f̶u̶c̶k̶ you", "f̶u̶c̶k̶"),
        ("oh fück you", "fück"),
        ("oh fuсk you", "fuсk"),
        ("this is sh1t man", "sh1t"),
        ("this is $hit man", "$hit"),
        ("this is sh!t man", "sh!t"),
        ("big ѕех here", "ѕех"),
        ("big s3x here", "s3x"),
        ("go to supercasinos now", "casino"),
        ("go to cаsinо now", "cаsinо"),
        ("just kill  yourself", "kill  yourself"),
        ("just kill-yourself", "kill-yourself"),
        ("just #killyourself ok", "killyourself"),
        (" hello! ", "hello"),
    ] {
        assert_eq!(found(&lexicon, text), [hidden], "{text:?}");
    }
}

#[test]
fn honest_texts_are_left_alone() {
    let lexicon = words();
    for text in [
        "他爱赌。博物馆很好",
        "他爱赌，博物馆很好",
        "Middlesex and Essex",
        "this.example is a class.example",
        "say hello to her",
        "wish it, fu ck",
        "as he is, hit it",
        "Скажи нет, это вот тот сех",
        "the casa in oslo",
        "kill your selfie",
        "f, u and c keys",
    ] {
        assert_eq!(found(&lexicon, text), [""; 0], "{text:?}");
    }
}

#[test]
fn the_longest_word_counts_and_hits_do_not_overlap() {
    assert_eq!(found(&words(), "赌博网站和赌博"), ["赌博网站", "赌博"]);
}

#[test]
fn word_boundaries_are_those_of_each_script() {
    let lexicon = list(&[("sex", Mode::Word), ("性", Mode::Word), ("секс", Mode::Word), ("섹스", Mode::Word)]);
    assert_eq!(found(&lexicon, "同性恋sex片 sex8 asex секса 섹스는"), ["性", "sex"]);
}

#[test]
fn masking_an_emoji_word_never_splits_a_grapheme() {
    let lexicon = list(&[("🍆", Mode::Substring), ("👧", Mode::Substring)]);
    let text = "a🍆b👨‍👩‍👧c";
    let hits = lexicon.find(&normalise(text));
    let ranges: Vec<_> = hits.iter().map(|hit| hit.start as usize..hit.end as usize).collect();
    assert_eq!(mask(text, &ranges, '*'), "a*b*c");
}

#[test]
fn at_most_a_thousand_hits_are_reported() {
    let text = "赌博 ".repeat(3000);
    assert_eq!(words().find(&normalise(&text)).len(), 1000);
}

#[test]
fn a_word_is_not_hidden_behind_many_that_do_not_count() {
    let text = format!("{} fuck", "sexy".repeat(30_000));
    assert_eq!(found(&words(), &text), ["fuck"]);
}
