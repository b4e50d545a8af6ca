//! Words of somebody else's, made fit for an error: short, on one line, and without what is secret.

/// Longest sentence of a provider's that is passed on, in bytes.
const LONGEST: usize = 300;

/// What stands in place of a secret.
const HIDDEN: &str = "[hidden]";

/// Shortest secret that is looked for within other words; shorter ones would hide half the language.
const SHORTEST_SECRET: usize = 6;

/// Makes `text` fit to be shown. Words that hold one of `secrets`, or its beginning, or that look like a key,
/// are hidden.
// An iterator over a secret or two is cheap to copy, and callers write it in place.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn tidy<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let mut tidied = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|word| !word.is_empty())
    {
        if !tidied.is_empty() {
            tidied.push(' ');
        }
        tidied.push_str(if is_secret(word, secrets.clone()) { HIDDEN } else { word });
        if tidied.len() > LONGEST {
            tidied.truncate(tidied.floor_char_boundary(LONGEST));
            tidied.push('…');
            break;
        }
    }
    tidied
}

fn is_secret<'a>(word: &str, secrets: impl IntoIterator<Item = &'a str>) -> bool {
    // Providers repeat a key with its middle starred out; what is left of it is hidden as well.
    let looks_like_a_key = ["sk-", "pk-", "sk_", "xai-"].iter().any(|prefix| {
        word.match_indices(prefix)
            .any(|(at, _)| word.get(at + prefix.len()..).is_some_and(|rest| rest.len() >= SHORTEST_SECRET))
    });
    looks_like_a_key
        || secrets.into_iter().filter(|secret| secret.len() >= SHORTEST_SECRET).any(|secret| {
            let beginning = secret.get(..secret.floor_char_boundary(8)).unwrap_or(secret);
            word.contains(secret) || word.contains(beginning)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hidden_even_where_it_is_starred_out() {
        let said = "Incorrect API key provided: sk-proj-*****cdef (token0123456789x).";
        assert_eq!(tidy(said, ["token0123456789x"]), "Incorrect API key provided: [hidden] [hidden]");
    }

    #[test]
    fn long_words_are_cut_between_letters() {
        let tidied = tidy(&"模型".repeat(400), []);
        assert!(tidied.len() <= LONGEST + '…'.len_utf8() && tidied.ends_with('…'), "{tidied}");
    }

    #[test]
    fn line_breaks_become_spaces() {
        assert_eq!(tidy("one\r\ntwo\u{7}three", []), "one two three");
    }
}
