//! When an operation was requested.

use std::str::FromStr;

use crate::Corrupt;

/// A moment in UTC to the millisecond, `2026-11-20T18:00:00.123Z` (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp([u8; SHAPE.len()]);

const SHAPE: &[u8; 24] = b"dddd-dd-ddTdd:dd:dd.dddZ";

impl Timestamp {
    /// The moment's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // What `from_str` lets through is ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Timestamp {
    type Err = Corrupt;

    fn from_str(text: &str) -> Result<Self, Corrupt> {
        const BAD: Corrupt = Corrupt("a time is not RFC 3339 in UTC to the millisecond");
        let bytes: &[u8; SHAPE.len()] = text.as_bytes().try_into().map_err(|_| BAD)?;
        let fits = bytes.iter().zip(SHAPE).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            _ => byte == expected,
        });
        fits.then_some(Self(*bytes)).ok_or(BAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_spelling() {
        assert!("2026-11-20T18:00:00.123Z".parse::<Timestamp>().is_ok());
        for bad in ["2026-11-20T18:00:00Z", "2026-11-20 18:00:00.123Z", "2026-11-20T18:00:00.123+00:00", ""] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
