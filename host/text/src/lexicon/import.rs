//! Word lists as files: plain lines, CSV and JSON lines. What a list does with its entries lives in
//! `lexicon`.

use std::str::FromStr;

use super::{DEFAULT_CATEGORY, Entry, MAX_WORDS, Mode};
use crate::{LexiconError, LineError};

/// How a word list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One word a line; lines that begin with `#` are remarks.
    Text,
    /// `word[,category[,mode]]` as RFC 4180 writes fields, one entry a line; a first line that begins
    /// with `word,` is a heading.
    Csv,
    /// One JSON object a line: `{"word":…,"category":…,"mode":…}`, the latter two optional.
    JsonLines,
}

/// Reads a word list. Empty lines are skipped; entries without a category are put into
/// [`DEFAULT_CATEGORY`], those without a mode count as whole words ([`Mode::Word`]).
///
/// # Errors
/// [`LexiconError::BadLine`] for the first line that cannot be read or breaks a limit;
/// [`LexiconError::TooManyWords`].
pub fn read_list(format: ListFormat, content: &str) -> Result<Vec<Entry>, LexiconError> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let mut entries = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let line_number = index + 1;
        let entry = match format {
            _ if line.trim().is_empty() => continue,
            ListFormat::Text if line.starts_with('#') => continue,
            ListFormat::Csv if index == 0 && line.starts_with("word,") => continue,
            ListFormat::Text => Ok(bare(line.trim())),
            ListFormat::Csv => from_csv(line),
            ListFormat::JsonLines => from_json(line),
        };
        let entry = entry
            .and_then(|entry| entry.check().map(|()| entry))
            .map_err(|problem| LexiconError::BadLine { line: line_number, problem })?;
        if entries.len() >= MAX_WORDS {
            return Err(LexiconError::TooManyWords { limit: MAX_WORDS });
        }
        entries.push(entry);
    }
    Ok(entries)
}

impl FromStr for Mode {
    type Err = LineError;

    fn from_str(mode: &str) -> Result<Self, LineError> {
        match mode {
            "substring" => Ok(Self::Substring),
            "word" => Ok(Self::Word),
            "exact" => Ok(Self::Exact),
            other => Err(LineError::UnknownMode { mode: other.chars().take(40).collect() }),
        }
    }
}

fn bare(word: &str) -> Entry {
    Entry { word: word.into(), category: DEFAULT_CATEGORY.into(), mode: Mode::default() }
}

fn from_csv(line: &str) -> Result<Entry, LineError> {
    let mut fields = csv_fields(line)?;
    if fields.len() > 3 {
        return Err(LineError::TooManyFields { count: fields.len() });
    }
    fields.resize(3, String::new());
    let mut fields = fields.into_iter().map(|field| field.trim().to_owned());
    let mut entry = bare(&fields.next().unwrap_or_default());
    if let Some(category) = fields.next().filter(|category| !category.is_empty()) {
        entry.category = category;
    }
    if let Some(mode) = fields.next().filter(|mode| !mode.is_empty()) {
        entry.mode = mode.parse()?;
    }
    Ok(entry)
}

/// The fields of one record that does not span lines (RFC 4180).
fn csv_fields(line: &str) -> Result<Vec<String>, LineError> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) =
            if let Some(quoted) = rest.strip_prefix('"') { quoted_field(quoted)? } else { bare_field(rest) };
        fields.push(field);
        let Some(after) = after else { return Ok(fields) };
        rest = after;
    }
}

type Field<'a> = (String, Option<&'a str>);

fn bare_field(text: &str) -> Field<'_> {
    match text.split_once(',') {
        Some((field, rest)) => (field.into(), Some(rest)),
        None => (text.into(), None),
    }
}

fn quoted_field(text: &str) -> Result<Field<'_>, LineError> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or(LineError::BadQuotes)?;
        field.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            field.push('"');
            rest = more;
        } else if let Some(next) = after.strip_prefix(',') {
            return Ok((field, Some(next)));
        } else if after.is_empty() {
            return Ok((field, None));
        } else {
            return Err(LineError::BadQuotes);
        }
    }
}

fn from_json(line: &str) -> Result<Entry, LineError> {
    serde_json::from_str(line).map_err(|error| LineError::BadJson { detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn problem(format: ListFormat, content: &str) -> (usize, LineError) {
        match read_list(format, content) {
            Err(LexiconError::BadLine { line, problem }) => (line, problem),
            other => unreachable_outcome(&other),
        }
    }

    fn unreachable_outcome(outcome: &Result<Vec<Entry>, LexiconError>) -> ! {
        std::panic::panic_any(format!("expected a bad line, got {outcome:?}"))
    }

    #[test]
    fn the_three_formats_say_the_same() {
        let text = read_list(ListFormat::Text, "# remark\r\n赌博\r\n\r\nbad, word\r\n").unwrap();
        let csv = read_list(ListFormat::Csv, "word,category,mode\n赌博\n\"bad, word\"\n").unwrap();
        let json = read_list(ListFormat::JsonLines, "{\"word\":\"赌博\"}\n{\"word\":\"bad, word\"}").unwrap();
        assert_eq!(text, csv);
        assert_eq!(csv, json);
        assert_eq!(text.len(), 2);
    }

    #[test]
    fn category_and_mode_are_read() {
        let entries = read_list(ListFormat::Csv, "a,gambling,exact\nb,,substring\n\"c \"\"d\"\"\",x").unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.word.as_str(), e.category.as_str(), e.mode)).collect();
        assert_eq!(
            seen,
            [("a", "gambling", Mode::Exact), ("b", "other", Mode::Substring), ("c \"d\"", "x", Mode::Word)]
        );
    }

    #[test]
    fn a_bad_line_is_named_with_its_problem() {
        let long = "长".repeat(100);
        assert_eq!(
            problem(ListFormat::Text, &format!("a\n\n{long}")),
            (3, LineError::WordTooLong { bytes: 300, limit: 256 })
        );
        assert_eq!(problem(ListFormat::Csv, "a\nb,c,d,e"), (2, LineError::TooManyFields { count: 4 }));
        assert_eq!(problem(ListFormat::Csv, "a,b,often"), (1, LineError::UnknownMode { mode: "often".into() }));
        assert_eq!(problem(ListFormat::Csv, "\"a"), (1, LineError::BadQuotes));
        assert_eq!(problem(ListFormat::Csv, ",spam"), (1, LineError::EmptyWord));
        assert!(matches!(problem(ListFormat::JsonLines, "{\"wort\":1}"), (1, LineError::BadJson { .. })));
        assert!(matches!(problem(ListFormat::JsonLines, "{\"word\":\"a\",\"x\":1}"), (1, LineError::BadJson { .. })));
    }

    #[test]
    fn a_list_of_too_many_words_is_refused() {
        let content = "a\n".repeat(MAX_WORDS + 1);
        assert!(matches!(read_list(ListFormat::Text, &content), Err(LexiconError::TooManyWords { limit: MAX_WORDS })));
    }
}
