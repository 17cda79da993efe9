//! Exact decimals of any size, to check conversions with.

use num_bigint::{BigInt, BigUint};

/// `digits` divided by ten to the power of `places`.
#[derive(Clone, Debug)]
pub struct Decimal {
    digits: BigUint,
    places: u32,
}

impl Decimal {
    /// Reads plain notation only, as the service promises to write it.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}").parse();
        let digits = digits.unwrap_or_else(|_| panic!("{text} is no plain decimal"));
        Self { digits, places: u32::try_from(fraction.len()).unwrap() }
    }

    /// `self * times / by`, rounded half to even from the unrounded quotient.
    pub fn times_over(&self, times: &Self, by: &Self, places: u32) -> Self {
        let above = &self.digits * &times.digits * ten_to(by.places + places);
        let below = &by.digits * ten_to(self.places + times.places);
        let (whole, rest) = (&above / &below, &above % &below);
        let twice = BigInt::from(rest * 2u8) - BigInt::from(below);
        let odd = whole.bit(0);
        let up = twice > BigInt::ZERO || (twice == BigInt::ZERO && odd);
        Self { digits: whole + u8::from(up), places }
    }

    pub fn one() -> Self {
        Self::read("1")
    }

    /// At least two places, no further trailing zeros: as amounts are shown.
    pub fn shown(&self) -> String {
        let width = self.places.max(2) as usize;
        let digits = &self.digits * ten_to(self.places.max(2) - self.places);
        let digits = format!("{:0>1$}", digits.to_string(), width + 1);
        let (whole, fraction) = digits.split_at(digits.len() - width);
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{whole}.{}", &fraction[..kept])
    }
}

impl PartialEq for Decimal {
    /// By value: 1.5 is 1.50.
    fn eq(&self, other: &Self) -> bool {
        &self.digits * ten_to(other.places) == &other.digits * ten_to(self.places)
    }
}

fn ten_to(power: u32) -> BigUint {
    BigUint::from(10u8).pow(power)
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn quotients_are_rounded_half_to_even() {
        for (amount, times, by, places, expected) in [
            ("1", "1", "3", 8, "0.33333333"),
            ("2", "1", "3", 8, "0.66666667"),
            ("0.5", "1", "1", 0, "0.00"),
            ("1.5", "1", "1", 0, "2.00"),
            ("2.5", "1", "1", 0, "2.00"),
            ("0.000000005", "1", "1", 8, "0.00"),
            ("0.0000000050001", "1", "1", 8, "0.00000001"),
            ("100", "1.0", "0.25", 8, "400.00"),
        ] {
            let [amount, times, by] = [amount, times, by].map(Decimal::read);
            assert_eq!(amount.times_over(&times, &by, places).shown(), expected);
        }
    }
}
