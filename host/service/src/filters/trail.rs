//! Offsets through rewrites: from the text that a filter saw back to the text that the sender wrote.
//!
//! A rewrite is told from its two texts alone. What they share at the beginning and at the end maps byte
//! for byte. What lies between maps character by character if it has as many characters as before, as
//! a mask has; else any place in it stands for the whole of what was replaced.

use warbler_domain::Finding;

/// The rewrites so far, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Trail {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// Bytes that both texts begin with.
    shared: usize,
    /// Where the replaced part ends in the old text, and in the new one.
    old_end: usize,
    new_end: usize,
    /// Where each character of the replaced part begins in the new text and in the old one; nothing if
    /// their numbers differ.
    characters: Option<Vec<(usize, usize)>>,
}

impl Trail {
    /// Adds a rewrite of `old` to `new`.
    pub(super) fn add(&mut self, old: &str, new: &str) {
        self.steps.push(Step::between(old, new));
    }

    /// Brings a finding in the present text back to `original`, the text before the first rewrite.
    /// Whatever it says, its offsets end up inside the text and between characters.
    pub(super) fn bring_back(&self, mut finding: Finding, original: &str) -> Finding {
        let (mut start, mut end) = (finding.start as usize, finding.end as usize);
        for step in self.steps.iter().rev() {
            (start, end) = (step.start(start), step.end(end));
        }
        start = original.floor_char_boundary(start.min(original.len()));
        end = original.ceil_char_boundary(end.min(original.len())).max(start);
        finding.start = u32::try_from(start).unwrap_or(u32::MAX);
        finding.end = u32::try_from(end).unwrap_or(u32::MAX);
        // A score that is no number could not be written down.
        finding.score = if finding.score.is_nan() { 0.0 } else { finding.score.clamp(0.0, 1.0) };
        finding
    }
}

impl Step {
    fn between(old: &str, new: &str) -> Self {
        let pairs = old.chars().zip(new.chars());
        let shared: usize = pairs.take_while(|(old, new)| old == new).map(|(old, _)| old.len_utf8()).sum();
        let (old_rest, new_rest) = (old.get(shared..).unwrap_or_default(), new.get(shared..).unwrap_or_default());
        let pairs = old_rest.chars().rev().zip(new_rest.chars().rev());
        let tail: usize = pairs.take_while(|(old, new)| old == new).map(|(old, _)| old.len_utf8()).sum();
        let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
        let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
        let is_as_long = old_middle.chars().count() == new_middle.chars().count();
        let characters = is_as_long.then(|| {
            let starts = new_middle.char_indices().zip(old_middle.char_indices());
            starts.map(|((new, _), (old, _))| (shared + new, shared + old)).collect()
        });
        Self { shared, old_end: shared + old_middle.len(), new_end: shared + new_middle.len(), characters }
    }

    fn start(&self, at: usize) -> usize {
        if at >= self.new_end {
            return at - self.new_end + self.old_end;
        }
        if at < self.shared {
            return at;
        }
        self.character(at).map_or(self.shared, |(_, old)| old)
    }

    fn end(&self, at: usize) -> usize {
        if at <= self.shared {
            return at;
        }
        if at >= self.new_end {
            return at - self.new_end + self.old_end;
        }
        // The end of the character before `at` is where the one after it begins.
        let Some(characters) = &self.characters else { return self.old_end };
        let next = characters.partition_point(|(new, _)| *new < at);
        characters.get(next).map_or(self.old_end, |(_, old)| *old)
    }

    /// The character of the replaced part that holds the byte `at` of the new text.
    fn character(&self, at: usize) -> Option<(usize, usize)> {
        let characters = self.characters.as_ref()?;
        let next = characters.partition_point(|(new, _)| *new <= at);
        characters.get(next.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(rewrites: &[&str], found: &str) -> String {
        let mut trail = Trail::default();
        for pair in rewrites.windows(2) {
            trail.add(pair[0], pair[1]);
        }
        let (original, last) = (rewrites[0], rewrites[rewrites.len() - 1]);
        let start = u32::try_from(last.find(found).unwrap()).unwrap();
        let end = start + u32::try_from(found.len()).unwrap();
        let finding = Finding { label: String::new(), rule: String::new(), start, end, score: 0.5 };
        let finding = trail.bring_back(finding, original);
        original[finding.start as usize..finding.end as usize].to_owned()
    }

    #[test]
    fn behind_a_mask_of_other_width_the_original_is_found_exactly() {
        assert_eq!(back(&["说坏话的人 here", "说**的人 here"], "here"), "here");
        assert_eq!(back(&["说坏话的人 here", "说**的人 here"], "*的"), "话的");
        assert_eq!(back(&["说坏话的人 here", "说**的人 here"], "**"), "坏话");
    }

    #[test]
    fn two_rewrites_are_walked_back_one_after_the_other() {
        assert_eq!(
            back(&["one bad two vile three", "one *** two vile three", "one *** two **** three"], "three"),
            "three"
        );
        assert_eq!(back(&["a bad b", "a [removed] b", "a [removed] c"], "c"), "b");
    }

    #[test]
    fn what_was_replaced_by_something_longer_stands_for_all_that_was_replaced() {
        assert_eq!(back(&["see evil.example now", "see [link removed] now"], "link"), "evil.example");
    }

    proptest::proptest! {
        #[test]
        fn offsets_end_inside_the_original_and_between_characters(
            old in ".{0,40}", new in ".{0,40}", start in 0_u32..200, end in 0_u32..200,
        ) {
            let mut trail = Trail::default();
            trail.add(&old, &new);
            let finding = Finding { label: String::new(), rule: String::new(), start, end, score: f32::NAN };
            let found = trail.bring_back(finding, &old);
            proptest::prop_assert!(old.get(found.start as usize..found.end as usize).is_some());
            proptest::prop_assert!(found.score >= 0.0);
        }

        #[test]
        fn without_a_rewrite_nothing_moves(text in "[a-z]{1,40}", start in 0_u32..40, end in 0_u32..40) {
            let length = u32::try_from(text.len()).unwrap();
            let (start, end) = (start.min(length), end.min(length));
            proptest::prop_assume!(start <= end);
            let mut trail = Trail::default();
            trail.add(&text, &text);
            let finding = Finding { label: String::new(), rule: String::new(), start, end, score: 1.0 };
            proptest::prop_assert_eq!(trail.bring_back(finding.clone(), &text), finding);
        }
    }
}
