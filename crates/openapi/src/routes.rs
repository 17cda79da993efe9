//! Every route of the contract, in a file for each group of components.

mod counters;
mod pages;
mod rates;
mod wallets;

use crate::operation::Route;

/// The groups, in the contract's order.
pub const TAGS: [(&str, &str); 5] = [
    ("Counters", "One atomic increment each; they lose nothing and never wrap."),
    ("Wallets", "Deposits, withdrawals, balances and a history that anyone can check."),
    ("Rates", "CoinGecko's exchange rates, fetched once a minute by all banks together."),
    ("Health", "For probes."),
    ("Pages", "For people."),
];

/// Every operation.
pub fn all() -> Vec<Route> {
    [counters::all(), wallets::all(), rates::all(), pages::all()].into_iter().flatten().collect()
}
