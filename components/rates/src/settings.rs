//! The settings of rates. Those that every request needs are read once by each instance.

use std::cell::Cell;
use std::time::Duration;

use settings::{
    COINGECKO_API_KEY, COINGECKO_API_KEY_HEADER, COINGECKO_ORIGIN, RATES_MAX_STALE_SECONDS, RATES_TTL_SECONDS,
};

use crate::failure::FetchFailure;

/// How long rates are fresh, and how long old ones may stand in for them.
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
    /// `coingecko_api_key`; empty if there is none.
    pub api_key: String,
    /// `coingecko_api_key_header`
    pub api_key_header: String,
}

thread_local! {
    static LIFETIMES: Cell<Option<Lifetimes>> = const { Cell::new(None) };
}

/// How long rates live.
pub async fn lifetimes() -> Lifetimes {
    if let Some(known) = LIFETIMES.get() {
        return known;
    }
    let ttl = Duration::from_secs(RATES_TTL_SECONDS.number().await);
    let max_stale = Duration::from_secs(RATES_MAX_STALE_SECONDS.number().await);
    let lifetimes = Lifetimes { ttl, max_stale };
    LIFETIMES.set(Some(lifetimes));
    lifetimes
}

/// Reads the source of the rates.
///
/// # Errors
///
/// A setting is bad: then CoinGecko is not called at all.
pub async fn source() -> Result<Source, FetchFailure> {
    let bad = |cause, name| {
        move |_| FetchFailure::new(cause, format!("the setting {name} is bad: see bad-setting in the log"))
    };
    Ok(Source {
        origin: COINGECKO_ORIGIN.text().await.map_err(bad("bad-origin", "coingecko_origin"))?,
        api_key: COINGECKO_API_KEY.text().await.map_err(bad("bad-key", "coingecko_api_key"))?,
        api_key_header: COINGECKO_API_KEY_HEADER
            .text()
            .await
            .map_err(bad("bad-key", "coingecko_api_key_header"))?,
    })
}
