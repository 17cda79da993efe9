//! The trial balance: the sums over all wallets and counters.

use std::fmt;
use std::str::FromStr;

use ledger::{Entry, OperationKind};
use serde::{Deserialize, Serialize};

/// Units of 10^-8 in one.
const UNITS: u128 = 100_000_000;

/// A sum of many amounts, in units of 10^-8. No number of wallets can make it overflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Money(pub u128);

/// Counts and sums over a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Wallets, including those that have only refusals.
    pub wallets: u64,
    /// Entries that brought money.
    pub deposits: u64,
    /// What they brought.
    pub deposited: Money,
    /// Entries that took money.
    pub withdrawals: u64,
    /// What they took.
    pub withdrawn: Money,
    /// What all wallets hold.
    pub balance: Money,
    /// Idempotency keys of refusals that have left their wallets.
    pub refusals: u64,
    /// Counters.
    pub counters: u64,
    /// Idempotency keys of counters that have left them.
    pub posts: u64,
    /// What all counters hold.
    pub counted: i128,
}

impl Totals {
    /// Adds an entry.
    pub fn entry(&mut self, entry: &Entry) {
        let (count, sum) = match entry.kind {
            OperationKind::Deposit => (&mut self.deposits, &mut self.deposited),
            OperationKind::Withdrawal => (&mut self.withdrawals, &mut self.withdrawn),
        };
        *count = count.saturating_add(1);
        sum.0 = sum.0.saturating_add(entry.amount.units());
    }

    /// Adds what another part came to.
    pub fn add(&mut self, part: &Self) {
        self.wallets = self.wallets.saturating_add(part.wallets);
        self.deposits = self.deposits.saturating_add(part.deposits);
        self.deposited.0 = self.deposited.0.saturating_add(part.deposited.0);
        self.withdrawals = self.withdrawals.saturating_add(part.withdrawals);
        self.withdrawn.0 = self.withdrawn.0.saturating_add(part.withdrawn.0);
        self.balance.0 = self.balance.0.saturating_add(part.balance.0);
        self.refusals = self.refusals.saturating_add(part.refusals);
        self.counters = self.counters.saturating_add(part.counters);
        self.posts = self.posts.saturating_add(part.posts);
        self.counted = self.counted.saturating_add(part.counted);
    }

    /// What has decreased since `before`, for messages. Wallets, entries and counters never decrease.
    #[must_use]
    pub fn less_than(&self, before: &Self) -> Option<String> {
        let counts = [
            ("wallets", self.wallets, before.wallets),
            ("deposits", self.deposits, before.deposits),
            ("withdrawals", self.withdrawals, before.withdrawals),
            ("counters", self.counters, before.counters),
        ];
        let less: Vec<String> = counts
            .into_iter()
            .filter(|(_, now, before)| now < before)
            .map(|(what, now, before)| format!("{now} of {before} {what}"))
            .collect();
        (!less.is_empty()).then(|| less.join(", "))
    }

    /// Entries of both kinds.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.deposits.saturating_add(self.withdrawals)
    }

    /// Whether deposits less withdrawals are the balances.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.deposited.0.checked_sub(self.withdrawn.0) == Some(self.balance.0)
    }
}

/// For a person, and for `grep`.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wallets      {}", self.wallets)?;
        writeln!(f, "deposits     {} of {}", self.deposits, self.deposited)?;
        writeln!(f, "withdrawals  {} of {}", self.withdrawals, self.withdrawn)?;
        writeln!(f, "balance      {}", self.balance)?;
        writeln!(f, "refusals     {}", self.refusals)?;
        write!(f, "counters     {} of {}, {} posts in the index", self.counters, self.counted, self.posts)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.div_euclid(UNITS), self.0.rem_euclid(UNITS));
        let places = format!("{rest:08}");
        let shown = places.trim_end_matches('0');
        write!(f, "{whole}.{shown:0<2}")
    }
}

impl From<Money> for String {
    fn from(money: Money) -> Self {
        money.to_string()
    }
}

impl TryFrom<String> for Money {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = || {
            let (whole, places) = text.split_once('.')?;
            let places: u128 = format!("{places:0<8}").parse().ok().filter(|_| places.len() <= 8)?;
            whole.parse::<u128>().ok()?.checked_mul(UNITS)?.checked_add(places)
        };
        units()
            .map(Self)
            .filter(|money| money.to_string() == text)
            .ok_or_else(|| "no sum of money".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_amounts_are_and_read_back_strictly() {
        for (units, text) in [
            (0, "0.00"),
            (1, "0.00000001"),
            (1_050_000_000, "10.50"),
            (100_000_000, "1.00"),
            (123_456_789, "1.23456789"),
            (u128::MAX, "3402823669209384634633746074317.68211455"),
        ] {
            assert_eq!(Money(units).to_string(), text);
            assert_eq!(text.parse(), Ok(Money(units)));
        }
        for text in ["", "1", "1.", ".5", "1.5", "01.00", "1.000", "-1.00", "1.123456789", "+1.00", "1.+1"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn fewer_wallets_entries_or_counters_than_before_are_named() {
        let before = Totals { wallets: 3, deposits: 2, withdrawals: 1, counters: 1, ..Totals::default() };
        let later = Totals { balance: Money(9), wallets: 4, ..before.clone() };
        assert_eq!(later.less_than(&before), None);
        for (less, said) in [
            (Totals { wallets: 2, ..before.clone() }, "2 of 3 wallets"),
            (Totals { deposits: 1, ..before.clone() }, "1 of 2 deposits"),
            (Totals { withdrawals: 0, ..before.clone() }, "0 of 1 withdrawals"),
            (Totals { counters: 0, ..before.clone() }, "0 of 1 counters"),
        ] {
            assert_eq!(less.less_than(&before).as_deref(), Some(said));
        }
    }

    #[test]
    fn a_trial_balance_says_whether_what_came_in_and_went_out_is_what_there_is() {
        let sound =
            Totals { deposited: Money(7), withdrawn: Money(3), balance: Money(4), ..Totals::default() };
        assert!(sound.balances());
        assert!(!Totals { balance: Money(5), ..sound.clone() }.balances());
        assert!(!Totals { withdrawn: Money(8), balance: Money(0), ..sound }.balances());
    }
}
