//! When an operation was requested.

use std::str::FromStr;

use crate::Corrupt;

/// A moment in UTC to the millisecond, `2026-11-20T18:00:00.123Z` (RFC 3339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp(String);

impl Timestamp {
    /// The moment's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Timestamp {
    type Err = Corrupt;

    fn from_str(text: &str) -> Result<Self, Corrupt> {
        let shape = b"dddd-dd-ddTdd:dd:dd.dddZ";
        let fits = text.len() == shape.len()
            && text.bytes().zip(shape).all(|(byte, &expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                _ => byte == expected,
            });
        fits.then(|| Self(text.to_owned())).ok_or(Corrupt("a time is not RFC 3339 in UTC to the millisecond"))
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
