//! Splitting: sections become chunks that are short enough to be quoted, and long enough to be understood.

use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter};
use warbler_domain::Chunk;

use crate::read::Section;

/// Letters of a chunk: some ten sentences, of which a model can read several.
const LETTERS: usize = 800;

/// Letters that a chunk repeats of the one before, so that a sentence on the border is found with both its sides.
const OVERLAP: usize = 100;

/// The chunks of a section, cut between sentences where that is possible.
pub(crate) fn split(section: &Section, is_markdown: bool) -> Vec<Chunk> {
    let chunk = |text: &str| Chunk { place: section.place.clone(), text: text.to_owned(), vector: None };
    let whole = section.text.trim();
    if whole.chars().nth(LETTERS).is_none() {
        return if whole.is_empty() { Vec::new() } else { vec![chunk(whole)] };
    }
    let config = ChunkConfig::new(LETTERS);
    // The overlap is a constant below the size, so that the plain configuration is never what is used.
    let config = config.with_overlap(OVERLAP).unwrap_or_else(|_| ChunkConfig::new(LETTERS));
    if is_markdown {
        MarkdownSplitter::new(config).chunks(whole).map(chunk).collect()
    } else {
        TextSplitter::new(config).chunks(whole).map(chunk).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: String) -> Section {
        Section { place: "1".into(), text }
    }

    #[test]
    fn long_text_is_cut_between_sentences_and_nothing_is_lost() {
        for sentence in ["The parcel is sent back within ten days. ", "包裹在十天之内退回给客户。"] {
            let numbered: Vec<String> = (0..200).map(|number| format!("{number} {sentence}")).collect();
            let text = numbered.concat();
            let chunks = split(&section(text), false);
            assert!(chunks.len() > 3);
            for number in 0..200 {
                let whole = format!("{number} {}", sentence.trim());
                assert!(chunks.iter().any(|chunk| chunk.text.contains(&whole)), "{whole}");
            }
            assert!(chunks.iter().all(|chunk| chunk.text.chars().count() <= LETTERS && chunk.place == "1"));
        }
    }

    #[test]
    fn a_word_without_end_is_cut_all_the_same() {
        let chunks = split(&section("x".repeat(5_000)), false);
        assert!(chunks.iter().all(|chunk| chunk.text.len() <= LETTERS) && chunks.len() > 5);
    }

    #[test]
    fn an_empty_section_has_no_chunk() {
        assert!(split(&section(" \n ".into()), true).is_empty());
    }
}
