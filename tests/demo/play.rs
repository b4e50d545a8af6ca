//! How the story is told: a numbered heading for each step, and what was seen.

use std::fmt::Display;
use std::time::Instant;

/// Tells steps.
pub(crate) struct Play {
    began: Instant,
    steps: usize,
}

impl Play {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), steps: 0 }
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, heading: &str) {
        self.steps += 1;
        println!("\n{:2}. {heading}", self.steps);
    }

    /// Something that was seen, and is as it should be.
    #[allow(clippy::unused_self)] // Seen things belong to a step.
    pub(crate) fn saw(&self, what: impl Display) {
        println!("    ✓ {what}");
    }

    /// The end.
    pub(crate) fn end(&self) {
        println!("\nAll {} steps held, in {:.0} s.", self.steps, self.began.elapsed().as_secs_f64());
    }
}
