//! `warbler read-pdf`: reads one PDF from standard input for a running host, which starts it for each file.

use std::io;

use clap::Args;

/// Write the texts of a PDF's pages as JSON. The host runs this apart from itself, because a file can be made so
/// that reading it never ends, or ends the process.
#[derive(Debug, Args)]
pub(crate) struct ReadPdf;

impl ReadPdf {
    /// Reads standard input to its end, and writes to standard output.
    ///
    /// # Errors
    /// It is no PDF that can be read.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self = self;
        Ok(warbler_knowledge::read_pdf(io::stdin().lock(), io::stdout().lock())?)
    }
}
