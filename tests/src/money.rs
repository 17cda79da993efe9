//! Amounts as integers of 0.00000001, read and printed as in the contract.

/// `"10.50"` as 1050000000. Panics if it is not a decimal of at most 8 places.
pub fn units(amount: &str) -> i128 {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    assert!(fraction.len() <= 8, "{amount} has more than 8 places");
    let digits = format!("{whole}{fraction:0<8}");
    digits.parse().unwrap_or_else(|_| panic!("{amount} is no amount"))
}

/// 1050000000 as `"10.50"`: at least two places, no further trailing zeros.
pub fn shown(units: i128) -> String {
    let (whole, fraction) = (units / 100_000_000, units % 100_000_000);
    let digits = format!("{fraction:08}");
    let kept = digits.trim_end_matches('0').len().max(2);
    format!("{whole}.{}", &digits[..kept])
}

#[cfg(test)]
mod tests {
    use super::{shown, units};

    #[test]
    fn amounts_are_shown_as_the_contract_says() {
        for (given, expected) in [
            ("10.5", "10.50"),
            ("7", "7.00"),
            ("0.125", "0.125"),
            ("0", "0.00"),
            ("0.00000001", "0.00000001"),
            ("1.10000000", "1.10"),
        ] {
            assert_eq!(shown(units(given)), expected);
        }
    }
}
