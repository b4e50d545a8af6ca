//! Markdown: a section for each heading, named by the path of headings that leads to it.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::read::Section;

/// What stands between the headings of a path.
const BETWEEN: &str = " › ";

/// Longest path of headings, in bytes.
const LONGEST_PLACE: usize = 200;

/// The sections of a text.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut path: Vec<(HeadingLevel, String)> = Vec::new();
    let mut began = 0;
    let mut heading: Option<(HeadingLevel, String)> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                push(&mut sections, &path, text.get(began..range.start));
                path.retain(|(above, _)| *above < level);
                heading = Some((level, String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                path.extend(heading.take());
                began = range.end;
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, title)) = &mut heading {
                    title.push_str(&words);
                }
            }
            _ => {}
        }
    }
    push(&mut sections, &path, text.get(began..));
    sections
}

fn push(sections: &mut Vec<Section>, path: &[(HeadingLevel, String)], text: Option<&str>) {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return;
    }
    let titles: Vec<&str> = path.iter().map(|(_, title)| title.trim()).filter(|title| !title.is_empty()).collect();
    let mut place = titles.join(BETWEEN);
    place.truncate(place.floor_char_boundary(LONGEST_PLACE));
    sections.push(Section { place, text: text.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_says_the_path_of_its_headings() {
        let text = "Preface\n\n# 退货\n\nA\n\n## `Fees` & costs\n\nB\n\n```\n# no heading\n```\n\n# Parcels\n\nC\n";
        let sections = sections(text);
        let places: Vec<&str> = sections.iter().map(|section| section.place.as_str()).collect();
        assert_eq!(places, ["", "退货", "退货 › Fees & costs", "Parcels"]);
        assert!(sections[2].text.contains("# no heading"));
    }

    #[test]
    fn headings_without_text_below_them_are_no_sections() {
        assert!(sections("# A\n\n## B\n").is_empty());
    }
}
