//! Who takes part, and how each is measured.

use std::path::Path;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::guest::Guests;
use crate::native::{Native, NativeLexicon};
use crate::remote::{Extism, Webhook};
use crate::warbler::{Over, Warbler};

/// A way to call a filter.
pub(crate) trait Contestant {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Nanoseconds per call over one round of calls; for the webhook, the median call.
    fn measure(&mut self, threads: &Runtime) -> Result<f64>;
}

/// Everyone.
pub(crate) fn all(threads: &Runtime, guests: &Guests, folder: &Path) -> Result<Vec<Box<dyn Contestant>>> {
    let warbler = Warbler::start(threads, guests, folder)?;
    Ok(vec![
        Box::new(Native::new()?),
        Box::new(warbler.contestant(Over::Warm)),
        Box::new(warbler.contestant(Over::Fresh)),
        Box::new(warbler.contestant(Over::Border)),
        Box::new(NativeLexicon::new()?),
        Box::new(warbler.contestant(Over::KeywordFilter)),
        Box::new(warbler.contestant(Over::Everyday)),
        Box::new(warbler.contestant(Over::AntiFraud)),
        Box::new(Extism::start(&guests.extism)?),
        Box::new(Webhook::start(threads)?),
    ])
}
