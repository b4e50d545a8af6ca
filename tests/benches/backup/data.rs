//! Chat-like data: what people say, in words of everyday frequency, and files that do not compress. The same for the
//! same size. And what lies in folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const WORDS: &[&str] = &[
    "the", "report", "meeting", "tomorrow", "we", "can", "please", "send", "it", "again", "thanks", "customer",
    "order", "why", "not", "yes", "sure", "later", "today", "at", "noon", "invoice", "draft", "version", "change",
    "question", "about", "delivery", "this", "week", "next", "month", "team", "call", "你好", "谢谢", "明天", "可以",
    "收到", "好的",
];

/// Numbers that look like chance.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// What somebody says: three to twenty words.
    pub(crate) fn text(&mut self) -> String {
        let words = (0..3 + self.next() % 18).filter_map(|_| {
            // Squared, so that some words come far more often than others.
            let share = self.next() % 1_000;
            WORDS.get(usize::try_from(share * share * WORDS.len() as u64 / 1_000_000).ok()?).copied()
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// A file that does not compress.
    pub(crate) fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length / 8).flat_map(|_| self.next().to_le_bytes()).collect()
    }
}

/// All files below a folder, in the order of their paths.
pub(crate) fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes of all files below a folder.
pub(crate) fn size(folder: &Path) -> Result<u64> {
    walk(folder)?.iter().map(|path| Ok(fs::metadata(path)?.len())).sum()
}

/// Makes `to` like `from`, and leaves alone what is alike, so that whoever looks at times sees what changed.
pub(crate) fn make_alike(from: &Path, to: &Path) -> Result<()> {
    for file in walk(from)? {
        let target = to.join(file.strip_prefix(from)?);
        let bytes = fs::read(&file)?;
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(target.parent().context("a file has a folder")?)?;
        fs::write(target, bytes)?;
    }
    for file in walk(to)? {
        if !from.join(file.strip_prefix(to)?).exists() {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}
