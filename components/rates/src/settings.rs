//! The settings of `spin.toml`. Those that every request needs are read once by an instance.

use std::cell::Cell;
use std::str::FromStr;
use std::time::Duration;

use spin_sdk::variables;

/// How long rates are fresh, and how long old ones may stand in.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// `rates_ttl_seconds`
    pub ttl: Duration,
    /// `rates_max_stale_seconds`
    pub max_stale: Duration,
}

/// Where rates come from.
pub struct Source {
    /// `coingecko_origin`
    pub origin: String,
    /// `coingecko_api_key`; empty where there is none.
    pub api_key: String,
}

thread_local! {
    static LIFETIMES: Cell<Option<Lifetimes>> = const { Cell::new(None) };
}

/// How long rates live.
pub async fn lifetimes() -> Lifetimes {
    if let Some(known) = LIFETIMES.get() {
        return known;
    }
    let ttl = Duration::from_secs(number("rates_ttl_seconds", 60).await);
    let max_stale = Duration::from_secs(number("rates_max_stale_seconds", 86_400).await);
    let lifetimes = Lifetimes { ttl, max_stale };
    LIFETIMES.set(Some(lifetimes));
    lifetimes
}

/// Reads where rates come from.
pub async fn source() -> Source {
    let origin = text("coingecko_origin").await;
    Source { origin: origin.trim_end_matches('/').to_owned(), api_key: text("coingecko_api_key").await }
}

async fn text(name: &str) -> String {
    variables::get(name).await.unwrap_or_default()
}

async fn number<T: FromStr>(name: &str, usual: T) -> T {
    text(name).await.trim().parse().unwrap_or(usual)
}
