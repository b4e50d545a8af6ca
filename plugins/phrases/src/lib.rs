//! Phrases found in folded text, for plugins that bring their own matching: small enough for a
//! component, with no tables of Unicode. Where the host's word lists serve, they are the better
//! choice, since the host normalises far more thoroughly.

mod fold;
mod phrases;

pub use fold::{Folded, is_han};
pub use phrases::{Occurrence, Phrases};
