//! PDF: its pages. The format is read by a library that may panic, recurse without end or loop on a file that was
//! made for it, so a host lets another process do it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use pdf_extract::extract_text_from_mem_by_pages;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use warbler_domain::KnowledgeError;

use crate::read::{Section, unreadable};

/// The longest that one file may take.
const TIME: Duration = Duration::from_secs(30);

/// What another process may answer, in bytes; far more than the text that is taken.
const ANSWER: u64 = 64 * 1024 * 1024;

/// Who reads PDF.
#[derive(Debug, Clone)]
pub enum PdfReader {
    /// A thread of this process: for tests and tools. A file that recurses without end takes the process with it.
    Here,
    /// A program that does what [`read_pdf`] does. It is stopped when it takes too long.
    Program {
        /// Its path.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<OsString>,
    },
}

impl PdfReader {
    /// The texts of the pages of a file.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(crate) async fn pages(&self, bytes: Bytes) -> Result<Vec<String>, KnowledgeError> {
        let pages = match self {
            Self::Here => timeout(TIME, tokio::task::spawn_blocking(move || extract(&bytes)))
                .await
                .map(|read| read.unwrap_or_else(|_| Err(unreadable("its reader gave up on it")))),
            Self::Program { program, arguments } => timeout(TIME, by_program(program, arguments, bytes)).await,
        };
        pages.unwrap_or_else(|_| Err(unreadable(&format!("it takes longer than {} s", TIME.as_secs()))))
    }
}

/// Reads a PDF from `input`, and writes the texts of its pages to `output` as a JSON list. It is the whole work of
/// the process that a host starts for it.
///
/// # Errors
/// The input is no PDF that can be read.
pub fn read_pdf(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let pages = extract(&bytes).map_err(io::Error::other)?;
    serde_json::to_writer(&mut output, &pages)?;
    output.flush()
}

fn extract(bytes: &[u8]) -> Result<Vec<String>, KnowledgeError> {
    let read = catch_unwind(|| extract_text_from_mem_by_pages(bytes));
    let pages = read.map_err(|_| unreadable("its reader gave up on it"))?;
    let pages = pages.map_err(|error| unreadable(&error.to_string()))?;
    if pages.iter().all(|page| page.trim().is_empty()) {
        return Err(unreadable("there is no text in it; scanned pages are pictures"));
    }
    Ok(pages)
}

async fn by_program(program: &PathBuf, arguments: &[OsString], bytes: Bytes) -> Result<Vec<String>, KnowledgeError> {
    let failed = |error: io::Error| KnowledgeError::Index { text: format!("the reader of PDF does not run: {error}") };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let send = async move {
        if let Some(mut input) = input {
            // A program that ends early says why by its status.
            let _ = input.write_all(&bytes).await;
        }
    };
    let receive = async move {
        let mut answer = Vec::new();
        match output {
            Some(output) => output.take(ANSWER).read_to_end(&mut answer).await.map(|_| answer),
            None => Ok(answer),
        }
    };
    let ((), answer) = tokio::join!(send, receive);
    let answer = answer.map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(unreadable("it is no PDF with text in it that can be read"));
    }
    serde_json::from_slice(&answer).map_err(|_| unreadable("its text is too long"))
}

/// A section for each page.
pub(crate) fn sections(pages: Vec<String>) -> Vec<Section> {
    (1_u32..).zip(pages).map(|(number, text)| Section { place: format!("p. {number}"), text }).collect()
}
