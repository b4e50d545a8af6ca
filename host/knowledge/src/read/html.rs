//! HTML: what a reader sees of it, with its headings.

use warbler_domain::KnowledgeError;

use crate::read::{Section, markdown, unreadable};

/// Wider than any paragraph, so that no line is broken within a sentence.
const WIDTH: usize = 100_000;

/// The sections of a page.
///
/// # Errors
/// `Unreadable`, if it cannot be laid out.
pub(crate) fn sections(text: &str) -> Result<Vec<Section>, KnowledgeError> {
    // Its plain form marks headings as Markdown does.
    let config = html2text::config::plain_no_decorate().link_footnotes(false).no_table_borders();
    let plain = config.string_from_read(text.as_bytes(), WIDTH);
    let plain = plain.map_err(|error| unreadable(&error.to_string()))?;
    Ok(markdown::sections(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_its_sections_without_scripts_and_styles() {
        let page = "<html><head><title>T</title><style>p{color:red}</style><script>alert('x')</script></head>\
            <body><h1>退货</h1><p>七天内 <a href='https://example.com'>可退</a>。</p><h2>Fees</h2><ul><li>none</li></ul></body></html>";
        let sections = sections(page).unwrap();
        let places: Vec<&str> = sections.iter().map(|section| section.place.as_str()).collect();
        assert_eq!(places, ["退货", "退货 › Fees"]);
        assert!(sections[0].text.contains("可退"));
        let all: String = sections.iter().map(|section| section.text.as_str()).collect();
        assert!(!all.contains("alert") && !all.contains("color"), "{all}");
    }
}
