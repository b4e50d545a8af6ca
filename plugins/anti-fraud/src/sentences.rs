//! Where clauses and sentences end, since a warning in one clause says nothing of the next.

/// The clauses of a folded text.
pub(crate) struct Clauses {
    /// Where each clause ends, in bytes.
    ends: Vec<usize>,
}

impl Clauses {
    pub(crate) fn of(text: &str) -> Self {
        let mut ends = Vec::new();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            // A full stop or comma within a number or a domain ends nothing.
            let inside = next.is_some_and(|c| !c.is_whitespace() && c.is_ascii_alphanumeric());
            let ends_here = match c {
                '。' | '！' | '？' | '!' | '?' | ';' | '；' | '\n' | '，' => true,
                '.' | ',' => !inside,
                _ => false,
            };
            if ends_here {
                ends.push(at + c.len_utf8());
            }
        }
        ends.push(text.len());
        Self { ends }
    }

    /// The clauses that a range of bytes touches, as a range of bytes.
    pub(crate) fn around(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.ends.partition_point(|clause| *clause <= start);
        let last = self.ends.partition_point(|clause| *clause < end);
        let from = first.checked_sub(1).and_then(|index| self.ends.get(index)).copied().unwrap_or(0);
        (from, self.ends.get(last).copied().unwrap_or(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_widened_to_its_clauses() {
        let text = "do not tell, send it to a.com now! ok";
        let clauses = Clauses::of(text);
        let (from, to) = clauses.around(13, 17);
        assert_eq!(&text[from..to], " send it to a.com now!");
        let (from, to) = clauses.around(3, 17);
        assert_eq!(&text[from..to], "do not tell, send it to a.com now!");
    }
}
