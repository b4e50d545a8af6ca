//! Telephone numbers.

use warbler_push_kit::{Answer, address};

/// The number in an address, with its country: `+8613800000000` (E.164).
///
/// # Errors
/// Rejected: it is none.
pub(crate) fn read(address: &str) -> Result<String, Answer> {
    let written = address::token(address, &["number", "phone", "token"])?;
    let number: String = written.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    // E.164 has 15 digits at most; the shortest numbers in use with their country have 7.
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(number);
    }
    Err(address::wrong("a telephone number with its country, such as +8613800000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_country_and_digits_only() {
        assert_eq!(read(r#"{"number": "+86 138-0000-0000"}"#), Ok("+8613800000000".to_owned()));
        for wrong in [r#""13800000000""#, r#""+86""#, r#""+86138000000001234567""#, r#""+86abc0000000""#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
