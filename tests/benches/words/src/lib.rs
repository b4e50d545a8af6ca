//! The work of every contestant of the hook bench: 10,000 words looked for in messages of about 200
//! bytes. The same code runs natively, in a Warbler plugin, in an Extism plugin and behind a webhook.

use aho_corasick::AhoCorasick;

/// How many words are looked for.
pub const WORDS: usize = 10_000;

/// How many different messages go round.
pub const MESSAGES: usize = 256;

/// The automaton over all words.
pub struct Matcher(AhoCorasick);

impl Matcher {
    /// Builds the automaton, which takes some 10 ms; `None` if the words are too many for it.
    #[must_use]
    pub fn new(words: &[String]) -> Option<Self> {
        AhoCorasick::new(words).ok().map(Self)
    }

    /// Byte offsets of every hit.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<(u32, u32)> {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.0.find_iter(text).map(|hit| (offset(hit.start()), offset(hit.end()))).collect()
    }
}

/// A small generator (xorshift64*), so that every contestant sees the same words and messages.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }

    fn letter(&mut self) -> char {
        let letters = b'z' - b'a' + 1;
        char::from(b'a' + u8::try_from(self.below(u64::from(letters))).unwrap_or(0))
    }

    /// One of the 3,000 first characters of the block of unified ideographs.
    fn ideograph(&mut self) -> char {
        char::from_u32(0x4E00 + u32::try_from(self.below(3_000)).unwrap_or(0)).unwrap_or('一')
    }

    fn word(&mut self) -> String {
        if self.below(2) == 0 {
            (0..5 + self.below(6)).map(|_| self.letter()).collect()
        } else {
            (0..2 + self.below(3)).map(|_| self.ideograph()).collect()
        }
    }
}

/// The words: half of them Latin, half of them Chinese.
#[must_use]
pub fn words() -> Vec<String> {
    let mut dice = Dice(0x5EED_0001);
    (0..WORDS).map(|_| dice.word()).collect()
}

/// The messages: words that are mostly none of the list's, one listed word in every tenth message.
#[must_use]
pub fn messages() -> Vec<String> {
    let listed = words();
    let mut dice = Dice(0x5EED_0002);
    let mut messages = Vec::with_capacity(MESSAGES);
    for number in 0..MESSAGES {
        let mut text = String::new();
        while text.len() < 185 {
            text.push_str(&dice.word());
            text.push(' ');
        }
        if let (0, Some(word)) = (number % 10, listed.get(number)) {
            text.push_str(word);
        }
        messages.push(text);
    }
    messages
}
