//! The documents that clients get, member by member.
//!
//! Components fill these types and `crates/openapi` describes them, so the published document cannot differ from
//! the answers. Members may be added, never removed. Problems are in [`crate::problem`].

use std::collections::BTreeMap;

use ledger::Entry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "openapi")]
use crate::schema;

/// The bitcoins counted so far.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Bitcoins))]
pub struct BitcoinsView {
    /// The total: a number with all its digits and no exponent, in steps of 0.00000001.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Total))]
    pub bitcoins: Box<RawValue>,
}

/// A named counter.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Counter))]
pub struct CounterView<'a> {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::CounterName))]
    pub name: &'a str,
    /// Its value; 0 when it was never touched.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::CounterValue))]
    pub value: i64,
}

/// Where a wallet stands.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Wallet))]
pub struct WalletView<'a> {
    /// Whose it is.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::User))]
    pub user: &'a str,
    /// What it holds.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Money))]
    pub balance: String,
    /// The last entry's number; 0 before the first.
    pub seq: u64,
    /// The chain's hash up to that entry; 64 zeros before the first.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Hash))]
    pub hash: String,
}

/// A moved amount.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Moved))]
pub struct MovedView<'a> {
    /// Whose wallet it is.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::User))]
    pub user: &'a str,
    /// What it holds after this entry.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Money))]
    pub balance: String,
    /// The entry that was made.
    pub entry: EntryView,
}

/// One movement of money, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Entry))]
pub struct EntryView {
    /// Counts from 1 without gaps.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub seq: u64,
    /// The idempotency key, or an id that the server made.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::IdempotencyKey))]
    pub id: String,
    /// Which way money moved.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::EntryKind))]
    pub kind: &'static str,
    /// How much.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Money))]
    pub amount: String,
    /// The balance after it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Money))]
    pub balance: String,
    /// When it was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Moment))]
    pub at: String,
    /// SHA-256 of the previous hash and this entry's members, joined by line feeds.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Hash))]
    pub hash: String,
}

/// A stretch of a wallet's history.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Entries))]
pub struct EntriesView {
    /// Newest first.
    pub entries: Vec<EntryView>,
    /// The cursor of what follows; null at the end.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub next: Option<String>,
}

/// What one bitcoin is worth in a currency.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Rate))]
pub struct RateView<'a> {
    /// The currency's name.
    pub name: &'a str,
    /// Its sign.
    pub unit: &'a str,
    /// What one bitcoin is worth in it, with every digit that it came with.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Decimal))]
    pub value: &'a str,
    /// What sort of thing it is: `crypto`, `fiat`, `commodity`, or what CoinGecko may add.
    pub r#type: &'a str,
}

/// How old rates are.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Age))]
pub struct AgeView {
    /// When the rates were fetched.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Moment))]
    pub as_of: String,
    /// How long ago that was.
    pub age_seconds: u64,
    /// Whether they have outlived their time because their source does not answer.
    pub stale: bool,
}

/// All rates.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Rates))]
pub struct RatesView<'a> {
    /// What the rates are for: one of it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Base))]
    pub base: &'static str,
    /// How old they are.
    #[serde(flatten)]
    pub age: AgeView,
    /// By the currency's code, in lower case.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, RateView>))]
    pub rates: &'a RawValue,
}

/// How the rates moved in the last day, in columns.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = History))]
pub struct HistoryView {
    /// What the rates are for: one of it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Base))]
    pub base: String,
    /// When rates were fetched, oldest first; at most 72 times.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Moment>))]
    pub at: Vec<String>,
    /// By the currency's code, a value for each time, cut at seven digits; null where there was none.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Vec<Option<schema::Decimal>>>))]
    pub values: BTreeMap<String, Vec<Option<String>>>,
}

/// One rate.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OneRate))]
pub struct OneRateView<'a> {
    /// The currency's code, in lower case.
    pub code: &'a str,
    /// What the rate is for: one of it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Base))]
    pub base: &'static str,
    /// The rate.
    #[serde(flatten)]
    pub rate: RateView<'a>,
    /// How old it is.
    #[serde(flatten)]
    pub age: AgeView,
}

/// An amount in another currency.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Converted))]
pub struct ConvertedView<'a> {
    /// The amount that was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Money))]
    pub amount: String,
    /// The code of its currency.
    pub from: &'a str,
    /// The code of the other currency.
    pub to: &'a str,
    /// One of the first in the second, rounded half to even at 18 places.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Decimal))]
    pub rate: String,
    /// The amount in the second, rounded half to even at 8 places, from the unrounded quotient.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Decimal))]
    pub result: String,
    /// How old the rates are.
    #[serde(flatten)]
    pub age: AgeView,
}

/// The process is alive.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Alive))]
pub struct AliveView {
    /// `ok`
    pub status: &'static str,
}

/// The bank can serve.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Ready))]
pub struct ReadyView {
    /// `ready`
    pub status: &'static str,
    /// What was asked.
    pub checks: ChecksView,
}

/// What the bank needs to be ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Checks))]
pub struct ChecksView {
    /// `ok`; in a problem `unavailable`, `read-only` where it answers reads and takes no writes, or
    /// `too-few-replicas` where fewer than must have a write in time
    pub store: &'static str,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            id: entry.id.as_str().to_owned(),
            kind: entry.kind.as_str(),
            amount: entry.amount.to_string(),
            balance: entry.balance.to_string(),
            at: entry.at.as_str().to_owned(),
            hash: entry.hash.to_string(),
        }
    }
}
