//! Pages: how many things a list gives at a time.

use crate::problem::Problem;

/// The number asked for, or `default`.
///
/// # Errors
/// It is 0 or above `most`.
pub(crate) fn limit(asked: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(default),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(asked) => Err(Problem::invalid("limit", format!("{asked} is not between 1 and {most}"))
            .limited(u64::try_from(most).unwrap_or(u64::MAX))),
    }
}
