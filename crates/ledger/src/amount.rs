//! Amounts and balances: exact decimals, never rounded, never through a float.
//!
//! An amount must match the contract's grammar, character by character: `^(0|[1-9][0-9]{0,14})(\.[0-9]{1,8})?$`,
//! greater than zero. Both types print in plain notation with at least two places and no further trailing zeros, so
//! equal values print equally.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Most digits before the point.
pub const MAX_INTEGER_DIGITS: usize = 15;
/// Most digits after the point.
pub const MAX_PLACES: usize = 8;
/// 10^15: no balance reaches it.
const BALANCE_LIMIT: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// The text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an amount is a plain decimal greater than zero with at most 15 digits before the point and 8 after it"
)]
pub struct NotAnAmount;

/// An amount to move: greater than zero, below 10^15, at most 8 places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(Decimal);

/// What a wallet holds: zero or more, below 10^15, at most 8 places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance(Decimal);

impl Amount {
    /// The amount as a number of units of 10^-8 (for bitcoins: satoshis).
    #[must_use]
    pub fn units(self) -> u128 {
        units(self.0)
    }
}

impl Balance {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The balance as a number of units of 10^-8.
    #[must_use]
    pub fn units(self) -> u128 {
        units(self.0)
    }

    /// The balance after `amount` came in; `None` if it would pass 15 integer digits.
    #[must_use]
    pub fn credit(self, amount: Amount) -> Option<Self> {
        let sum = self.0.checked_add(amount.0)?;
        (sum < BALANCE_LIMIT).then_some(Self(sum))
    }

    /// The balance after `amount` went out; `None` if there is less than that.
    #[must_use]
    pub fn debit(self, amount: Amount) -> Option<Self> {
        let rest = self.0.checked_sub(amount.0)?;
        (rest >= Decimal::ZERO).then_some(Self(rest))
    }
}

impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        match parse(text)? {
            zero if zero.is_zero() => Err(NotAnAmount),
            value => Ok(Self(value)),
        }
    }
}

impl FromStr for Balance {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        parse(text).map(Self)
    }
}

fn parse(text: &str) -> Result<Decimal, NotAnAmount> {
    let (integer, fraction) = match text.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (text, None),
    };
    let integer_ok = digits(integer, MAX_INTEGER_DIGITS) && (integer == "0" || !integer.starts_with('0'));
    let fraction_ok = fraction.is_none_or(|places| digits(places, MAX_PLACES));
    if !(integer_ok && fraction_ok) {
        return Err(NotAnAmount);
    }
    Decimal::from_str_exact(text).map(|value| value.normalize()).map_err(|_| NotAnAmount)
}

fn units(mut value: Decimal) -> u128 {
    value.rescale(8);
    value.mantissa().unsigned_abs()
}

fn digits(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes `value` without exponent, with at least two places.
fn plain(value: Decimal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut value = value.normalize();
    value.rescale(value.scale().max(2));
    write!(f, "{value}")
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        plain(self.0, f)
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        plain(self.0, f)
    }
}

#[cfg(test)]
mod tests;
