//! Amounts as tables, and compared with big integers as the model.

use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;

#[test]
fn what_is_an_amount_and_how_it_prints() {
    for (token, printed) in [
        ("10.50", "10.50"),
        ("10.5", "10.50"),
        ("7", "7.00"),
        ("0.125", "0.125"),
        ("0.12500", "0.125"),
        ("0.01", "0.01"),
        ("0.00000001", "0.00000001"),
        ("1.00000000", "1.00"),
        ("100", "100.00"),
        ("1000000", "1000000.00"),
        ("999999999999999", "999999999999999.00"),
        ("999999999999999.99999999", "999999999999999.99999999"),
    ] {
        assert_eq!(token.parse::<Amount>().unwrap().to_string(), printed, "{token}");
    }
}

#[test]
fn what_is_no_amount() {
    for token in [
        "",
        "0",
        "0.0",
        "0.00",
        "0.00000000",
        "-1",
        "+1",
        "01",
        "00",
        "00.1",
        "1.",
        ".5",
        ".",
        "1e2",
        "1E2",
        " 1",
        "1 ",
        "1_000",
        "1,000",
        "1.000000001",
        "0.000000001",
        "1000000000000000",
        "1.2.3",
        "0x10",
        "NaN",
        "inf",
        "null",
        "true",
        "١",
        "1\n",
        "1\0",
        "--1",
        "1.-1",
        "9999999999999999.99999999",
    ] {
        assert_eq!(token.parse::<Amount>(), Err(NotAnAmount), "{token:?}");
    }
}

#[test]
fn a_balance_may_be_zero() {
    assert_eq!("0.00".parse::<Balance>().unwrap(), Balance::ZERO);
    assert_eq!(Balance::ZERO.to_string(), "0.00");
}

#[test]
fn a_balance_stops_at_fifteen_integer_digits() {
    let full: Balance = "999999999999999.99999998".parse().unwrap();
    let unit: Amount = "0.00000001".parse().unwrap();
    let last = full.credit(unit).unwrap();
    assert_eq!(last.to_string(), "999999999999999.99999999");
    assert_eq!(last.credit(unit), None);
}

#[test]
fn a_balance_never_goes_below_zero() {
    let balance: Balance = "5".parse().unwrap();
    assert_eq!(balance.debit("5.00000001".parse().unwrap()), None);
    assert_eq!(balance.debit("5".parse().unwrap()), Some(Balance::ZERO));
}

#[test]
fn units_are_hundred_millionths() {
    assert_eq!("0.00000001".parse::<Amount>().unwrap().units(), 1);
    assert_eq!("21000000".parse::<Amount>().unwrap().units(), 2_100_000_000_000_000);
    assert_eq!("999999999999999.99999999".parse::<Amount>().unwrap().units(), 99_999_999_999_999_999_999_999);
}

/// The model: the token's digits as one whole number of units of 10^-8.
fn model(token: &str) -> BigUint {
    let (integer, fraction) = token.split_once('.').unwrap_or((token, ""));
    format!("{integer}{fraction:0<8}").parse().unwrap()
}

fn token() -> impl Strategy<Value = String> {
    ("(0|[1-9][0-9]{0,14})", proptest::option::of("[0-9]{1,8}")).prop_map(
        |(integer, fraction)| match fraction {
            Some(places) => format!("{integer}.{places}"),
            None => integer,
        },
    )
}

proptest! {
    #[test]
    fn every_token_of_the_grammar_keeps_its_value(token in token()) {
        let balance: Balance = token.parse().unwrap();
        let printed = balance.to_string();
        prop_assert_eq!(model(&printed), model(&token));
        prop_assert_eq!(printed.parse::<Balance>().unwrap(), balance);
        prop_assert_eq!(token.parse::<Amount>().is_ok(), model(&token) != BigUint::ZERO);
    }

    #[test]
    fn sums_are_exact(one in token(), other in token()) {
        let (Ok(amount), Ok(balance)) = (one.parse::<Amount>(), other.parse::<Balance>()) else { return Ok(()) };
        let sum = model(&one) + model(&other);
        match balance.credit(amount) {
            Some(total) => prop_assert_eq!(model(&total.to_string()), sum),
            None => prop_assert!(sum >= BigUint::from(10u8).pow(23)),
        }
        match balance.debit(amount) {
            Some(rest) => prop_assert_eq!(model(&rest.to_string()) + model(&one), model(&other)),
            None => prop_assert!(model(&other) < model(&one)),
        }
    }

    #[test]
    fn units_agree_with_the_digits(token in token()) {
        if let Ok(amount) = token.parse::<Amount>() {
            prop_assert_eq!(BigUint::from(amount.units()), model(&token));
        }
    }

    #[test]
    fn nothing_outside_the_grammar_is_taken(text in ".{0,30}") {
        let grammar = |text: &str| {
            let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
            digits(integer, 15) && (integer.len() == 1 || !integer.starts_with('0')) && digits(fraction, 8)
        };
        prop_assert_eq!(text.parse::<Balance>().is_ok(), grammar(&text));
    }
}

#[test]
fn a_balance_is_a_number_of_its_smallest_units() {
    for (balance, units) in [
        ("0", 0),
        ("0.00000001", 1),
        ("10.50", 1_050_000_000),
        ("999999999999999.99999999", 99_999_999_999_999_999_999_999),
    ] {
        assert_eq!(balance.parse::<Balance>().unwrap().units(), units, "{balance}");
    }
}
