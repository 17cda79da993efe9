//! Positive decimals of any size, exactly: an integer of units of 10^-scale.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a BigUint has no largest value, and no divisor here is zero"
)]

use num_bigint::BigUint;

/// The most characters of a number that is read, and its largest exponent in either direction.
const MAX_LENGTH: usize = 256;
const MAX_EXPONENT: u32 = 128;
/// The most digits of a rate, before the point and after it.
const MAX_DIGITS: u32 = 40;

/// A positive decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    digits: BigUint,
    scale: u32,
}

impl Number {
    /// Reads a JSON number that is greater than zero; `None` for anything else.
    pub fn parse(token: &str) -> Option<Self> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let (mantissa, exponent) = match token.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (token, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if whole.is_empty()
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
            || exponent.unsigned_abs() > MAX_EXPONENT
        {
            return None;
        }
        let digits: BigUint = digits.parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let number = match u32::try_from(scale) {
            Ok(scale) => Self { digits, scale },
            Err(_) => Self { digits: digits * power(scale.unsigned_abs()), scale: 0 },
        };
        (number.digits != BigUint::ZERO).then_some(number)
    }

    /// Whether it has no more digits than a rate may have, so that it can be read back from its plain notation.
    pub fn is_short(&self) -> bool {
        self.scale <= MAX_DIGITS && self.digits < power(self.scale.saturating_add(MAX_DIGITS))
    }

    /// A whole number of units of 10^-scale.
    pub fn new(digits: BigUint, scale: u32) -> Self {
        Self { digits, scale }
    }

    /// `self * times / by`, rounded half to even at `places`: the one place where rounding happens.
    pub fn scaled(&self, times: &Self, by: &Self, places: u32) -> Self {
        let mut numerator = &self.digits * &times.digits * power(by.scale.saturating_add(places));
        let mut denominator = by.digits.clone() * power(self.scale.saturating_add(times.scale));
        numerator *= 2u8;
        let doubled = &numerator / &denominator;
        let exact = &doubled * &denominator == numerator;
        denominator = &doubled / 2u8;
        let is_odd = |number: &BigUint| number.bit(0);
        // `doubled` is twice the quotient, cut off: odd means that at least half a unit was cut.
        let up = is_odd(&doubled) && (!exact || is_odd(&denominator));
        Self { digits: denominator + u8::from(up), scale: places }
    }

    /// Plain notation with every digit the number has, without an exponent.
    pub fn plain(&self) -> String {
        let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
        let digits = format!("{:0>width$}", self.digits, width = scale.saturating_add(1));
        let (whole, fraction) =
            digits.split_at_checked(digits.len().saturating_sub(scale)).unwrap_or((&digits, ""));
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }

    /// As amounts are shown: at least two places, no further trailing zeros.
    pub fn as_amount(&self) -> String {
        let plain = self.plain();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        format!("{whole}.{:0<2}", fraction.trim_end_matches('0'))
    }
}

fn power(exponent: u32) -> BigUint {
    BigUint::from(10u8).pow(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(token: &str) -> Number {
        Number::parse(token).unwrap()
    }

    #[test]
    fn a_number_keeps_the_digits_it_came_with() {
        for (token, plain) in [
            ("1", "1"),
            ("1.0", "1.0"),
            ("67187.3358936566", "67187.3358936566"),
            ("1000.00", "1000.00"),
            ("1e3", "1000"),
            ("1.25e-7", "0.000000125"),
            ("2.5E+1", "25"),
        ] {
            assert_eq!(number(token).plain(), plain);
        }
    }

    #[test]
    fn what_is_no_positive_number_is_refused() {
        for token in [
            "0",
            "0.0",
            "0e9",
            "-1",
            "",
            ".5",
            "1.2.3",
            "NaN",
            "null",
            "\"1\"",
            "1e129",
            "1e",
            "1x",
            "1e99999999999",
            &"9".repeat(257),
        ] {
            assert_eq!(Number::parse(token), None, "{token}");
        }
    }

    #[test]
    fn a_rate_has_at_most_40_digits_before_and_40_behind_the_point() {
        let nines = |count: usize| "9".repeat(count);
        for (token, is_short) in [
            (format!("{}.{}", nines(40), nines(40)), true),
            (format!("{}.0", nines(41)), false),
            (format!("0.{}", nines(41)), false),
            (format!("1.{}", "0".repeat(41)), false),
            ("1e39".to_owned(), true),
            ("1e40".to_owned(), false),
            ("1e-40".to_owned(), true),
            ("1e-41".to_owned(), false),
            ("1.5e-40".to_owned(), false),
            ("1e128".to_owned(), false),
        ] {
            assert_eq!(number(&token).is_short(), is_short, "{token}");
        }
    }

    #[test]
    fn a_quotient_is_rounded_half_to_even() {
        for (value, times, by, places, result) in [
            ("1", "1", "8", 2, "0.12"),
            ("3", "1", "8", 2, "0.38"),
            ("1", "1", "3", 8, "0.33333333"),
            ("2", "1", "3", 8, "0.66666667"),
            ("1", "1", "40000000000", 8, "0.00"),
            ("1.00000001", "1", "40000000", 8, "0.00000003"),
            ("0.5", "1", "100000000", 8, "0.00"),
            ("1.5", "1", "100000000", 8, "0.00000002"),
            ("2.5", "1", "100000000", 8, "0.00000002"),
            (
                "999999999999999.99999999",
                "123456789.123456789",
                "0.000000000001",
                8,
                "123456789123456788999998765432108765.43211",
            ),
        ] {
            let found = number(value).scaled(&number(times), &number(by), places).as_amount();
            assert_eq!(found, result, "{value} * {times} / {by}");
        }
    }

    proptest! {
        #[test]
        fn rounding_is_never_further_off_than_half_a_unit(value in 1u64.., times in 1u64.., by in 1u64.., places in 0u32..10) {
            let whole = |number: u64| Number::new(BigUint::from(number), 0);
            let rounded = whole(value).scaled(&whole(times), &whole(by), places);
            // |rounded - exact| <= 1/2, in units of 10^-places and multiplied by 2 * by
            let exact = BigUint::from(value) * times * power(places) * 2u8;
            let found = rounded.digits * by * 2u8;
            let off = if found > exact { found - exact } else { exact - found };
            prop_assert!(off <= BigUint::from(by));
        }

        #[test]
        fn no_token_panics_and_a_short_number_is_read_back_as_it_is(token in "[-+0-9.eE ]{0,90}") {
            if let Some(number) = Number::parse(&token).filter(Number::is_short) {
                prop_assert_eq!(Number::parse(&number.plain()), Some(number));
            }
        }
    }
}
