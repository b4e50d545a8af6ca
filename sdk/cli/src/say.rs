//! Lines about progress, on the standard error output, so that answers stay alone on the other.

use std::time::{Duration, Instant};

/// What lasts less long than this needs no word.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// One line.
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// Does `work` under a heading, and says how long it took if that was more than a second.
pub(crate) fn step<T>(heading: &str, work: impl FnOnce() -> T) -> T {
    line(&format!("{heading} …"));
    let began = Instant::now();
    let result = work();
    let took = began.elapsed();
    if took >= WORTH_A_LINE {
        line(&format!("{heading}: {:.1} s", took.as_secs_f64()));
    }
    result
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{}.{} KiB", bytes / 1024, bytes % 1024 * 10 / 1024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}
