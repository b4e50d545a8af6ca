//! What can be wrong with a word list.

/// Why a word list was refused, or could not be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// The name of a list is empty, too long, reserved, or has characters that names may not have.
    #[error("{name:?} is no name for a word list: 1 to 64 of a-z, 0-9 and '-', not beginning with \"builtin-\"")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is no list of this name.
    #[error("there is no word list {name:?}")]
    UnknownList {
        /// The name.
        name: String,
    },
    /// The list has too many words.
    #[error("the word list has more than {limit} words")]
    TooManyWords {
        /// The most words that one list may have.
        limit: usize,
    },
    /// A line of an import could not be read.
    #[error("line {line}: {problem}")]
    BadLine {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        problem: LineError,
    },
    /// The words could not be made into one automaton.
    #[error("the word list {name:?} could not be compiled: {detail}")]
    Compile {
        /// The list.
        name: String,
        /// What the compiler of the automaton said.
        detail: String,
    },
}

/// Why one line of a word list, or one word, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// There is no word.
    #[error("the word is empty")]
    EmptyWord,
    /// Nothing is left of the word once it is normalised.
    #[error("the word {word:?} has neither letters, digits nor symbols")]
    NothingVisible {
        /// The word.
        word: String,
    },
    /// The word is too long.
    #[error("the word has {bytes} bytes; at most {limit} are allowed")]
    WordTooLong {
        /// Its length.
        bytes: usize,
        /// The most allowed.
        limit: usize,
    },
    /// The category is too long.
    #[error("the category has {bytes} bytes; at most {limit} are allowed")]
    CategoryTooLong {
        /// Its length.
        bytes: usize,
        /// The most allowed.
        limit: usize,
    },
    /// The mode is none of the three.
    #[error("the mode {mode:?} is none of \"substring\", \"word\" and \"exact\"")]
    UnknownMode {
        /// The mode.
        mode: String,
    },
    /// There are more fields than word, category and mode.
    #[error("there are {count} fields; expected word, category and mode at most")]
    TooManyFields {
        /// How many there are.
        count: usize,
    },
    /// A quoted field is not closed, or something follows its closing quote.
    #[error("a quoted field is not closed properly")]
    BadQuotes,
    /// The line is no JSON object with `word`, `category` and `mode`.
    #[error("not a JSON object of word, category and mode: {detail}")]
    BadJson {
        /// What the parser said.
        detail: String,
    },
}

impl LexiconError {
    /// Whether trying again may help. It never does: the list has to be changed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        false
    }
}

impl LineError {
    /// Whether trying again may help. It never does: the line has to be changed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        false
    }
}
