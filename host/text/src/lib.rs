//! Texts and word lists: messages brought into one form with an offset map back to the original, and
//! word lists matched over that form. Pure: it reads no files and knows no plugins.

mod class;
mod error;
mod fold;
mod lexicon;
mod mask;
mod normalise;
mod offsets;
mod twin;
mod view;

pub use error::{LexiconError, LineError};
pub use lexicon::import::{ListFormat, read_list};
pub use lexicon::set::{LexiconSet, MessageLexicons};
pub use lexicon::{
    DEFAULT_CATEGORY, Entry, Hit, Lexicon, MAX_CATEGORY_BYTES, MAX_HITS, MAX_WORD_BYTES, MAX_WORDS, Mode,
};
pub use mask::mask;
pub use normalise::{Normalised, normalise};
