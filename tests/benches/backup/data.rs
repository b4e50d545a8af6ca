//! Chat-like data in files: conversations as lines of JSON by month, with words of everyday frequency, and files that
//! were sent and do not compress. The same for the same size.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Length of a conversation's part.
const PART: u64 = 2 << 20;

/// Length of a file that was sent.
const ATTACHMENT: usize = 256 << 10;

const WORDS: &[&str] = &[
    "the", "report", "meeting", "tomorrow", "we", "can", "please", "send", "it", "again", "thanks", "customer",
    "order", "why", "not", "yes", "sure", "later", "today", "at", "noon", "invoice", "draft", "version", "change",
    "question", "about", "delivery", "this", "week", "next", "month", "team", "call", "你好", "谢谢", "明天", "可以",
    "收到", "好的",
];

/// Numbers that look like chance.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The data.
pub(crate) struct Data {
    folder: PathBuf,
    conversations: u64,
}

impl Data {
    /// Makes `bytes` of it: three quarters are conversations, a quarter files.
    pub(crate) fn make(folder: &Path, bytes: u64) -> Result<Self> {
        let conversations = (bytes / 4 * 3 / (4 * PART)).max(2);
        for number in 0..conversations {
            let conversation = folder.join(name(number));
            fs::create_dir_all(&conversation)?;
            for part in 1..=4_u64 {
                lines(&conversation.join(format!("2026-0{part}-0001.jsonl")), number * 4 + part)?;
            }
        }
        let mut dice = Dice(7);
        for number in 0..bytes / 4 / ATTACHMENT as u64 {
            let path = folder.join(format!("attachments/{:02x}/{number:064x}", number % 256));
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            let noise: Vec<u8> = (0..ATTACHMENT / 8).flat_map(|_| dice.next().to_le_bytes()).collect();
            fs::write(path, noise)?;
        }
        Ok(Self { folder: folder.to_owned(), conversations })
    }

    /// Goes on in every fiftieth conversation.
    pub(crate) fn change(&self) -> Result<()> {
        for number in (0..self.conversations).step_by(50) {
            lines(&self.folder.join(name(number)).join("2026-05-0001.jsonl"), 1 << 32 | number)?;
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One conversation out of the middle.
    pub(crate) fn conversation(&self) -> String {
        name(self.conversations / 2)
    }

    pub(crate) fn files(&self) -> Result<usize> {
        Ok(walk(&self.folder)?.len())
    }
}

fn name(number: u64) -> String {
    format!("conversations/{number:08x}-0000-7000-8000-000000000000")
}

fn lines(path: &Path, seed: u64) -> Result<()> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut file = BufWriter::new(File::create(path)?);
    let (mut length, mut sequence) = (0, seed << 16);
    while length < PART {
        sequence += 1;
        let words = (0..3 + dice.next() % 18).filter_map(|_| {
            // Squared, so that some words come far more often than others.
            let share = dice.next() % 1_000;
            WORDS.get(usize::try_from(share * share * WORDS.len() as u64 / 1_000_000).ok()?).copied()
        });
        let text = words.collect::<Vec<_>>().join(" ");
        let (id, sender) = (dice.next(), dice.next() % 8);
        let line = format!(
            "{{\"sequence\":{sequence},\"at\":\"2026-01-01T00:00:00.{:03}Z\",\"actor\":\"{sender:032x}\",\
             \"kind\":{{\"event\":\"posted\",\"message\":{{\"id\":\"{id:032x}\",\"sender\":\"{sender:032x}\",\
             \"body\":{{\"type\":\"text\",\"text\":\"{text}\"}}}}}}}}\n",
            sequence % 1_000
        );
        file.write_all(line.as_bytes())?;
        length += line.len() as u64;
    }
    file.flush()?;
    Ok(())
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
