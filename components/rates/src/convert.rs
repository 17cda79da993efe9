//! Converts one currency to another exactly, and rounds once: the result to 8 places, the shown rate to 18, both
//! half to even and both from the unrounded quotient.

use ledger::Amount;
use num_bigint::BigUint;

use crate::number::Number;

/// Places of a result.
const RESULT_PLACES: u32 = 8;
/// Places of a rate that is shown.
const RATE_PLACES: u32 = 18;

/// A conversion's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// One unit of the first currency in the second.
    pub rate: Number,
    /// The amount in the second currency.
    pub result: Number,
}

/// Converts `amount`, where a bitcoin is worth `from` and `to`.
pub fn convert(amount: Amount, from: &Number, to: &Number) -> Conversion {
    let one = Number::new(BigUint::from(1u8), 0);
    let amount = Number::new(BigUint::from(amount.units()), RESULT_PLACES);
    Conversion { rate: one.scaled(to, from, RATE_PLACES), result: amount.scaled(to, from, RESULT_PLACES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_exact_until_the_last_place() {
        for (amount, from, to, rate, result) in [
            ("1.5", "67187.3358936566", "20.5", "0.000305117024322071", "0.00045768"),
            ("1", "1", "67187.3358936566", "67187.3358936566", "67187.33589366"),
            ("3", "3", "1", "0.333333333333333333", "1.00"),
            (
                "999999999999999.99999999",
                "0.000001",
                "1000000",
                "1000000000000.00",
                "999999999999999999999990000.00",
            ),
        ] {
            let number = |token| Number::parse(token).unwrap();
            let found = convert(amount.parse().unwrap(), &number(from), &number(to));
            assert_eq!(found.rate.as_amount(), rate);
            assert_eq!(found.result.as_amount(), result);
        }
    }
}
