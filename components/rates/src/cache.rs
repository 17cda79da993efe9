//! The rates that are shown: fresh ones from the store, or fetched by the one request whose turn it is,
//! or the last good ones while upstream fails. A fresh answer costs one read of the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{Code, Problem};
use eventlog::Level;
use store::{Store, keys};

use crate::claim::{self, Mine};
use crate::history::History;
use crate::settings::{self, Lifetimes};
use crate::sheet::Sheet;
use crate::upstream;

/// How often a request looks whether the one that fetches has come back.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A sheet, and how old it is now.
#[derive(Debug)]
pub struct Kept {
    /// The rates.
    pub sheet: Sheet,
    /// Since they were fetched.
    pub age: Duration,
    /// How much longer they are fresh; zero for stale ones.
    pub fresh_for: Duration,
}

impl Kept {
    fn new(sheet: Sheet, now_ms: u64, lifetimes: Lifetimes) -> Self {
        // Clocks of replicas differ. Rates from the future age as well, so that none are fresh for ever.
        let age = Duration::from_millis(now_ms.abs_diff(sheet.as_of_ms));
        Self { sheet, age, fresh_for: lifetimes.ttl.saturating_sub(age) }
    }

    /// Whether the rates have outlived their time.
    pub fn is_stale(&self) -> bool {
        self.fresh_for.is_zero()
    }
}

/// The rates to show now.
///
/// # Errors
/// 503 `rates-unavailable` when upstream gives none and none fresh enough are kept; 503
/// `storage-unavailable`.
pub async fn current() -> Result<Kept, Problem> {
    let lifetimes = settings::lifetimes().await;
    let kept = read(lifetimes).await?;
    if kept.as_ref().is_some_and(|kept| !kept.is_stale()) {
        return kept.ok_or_else(unavailable);
    }
    let mine = claim::claim(&store::spin::open().await, now_ms()).await.ok().flatten();
    let is_mine = mine.is_some();
    if let Some(mine) = mine
        && let Some(sheet) = fetch(mine, lifetimes).await
    {
        return Ok(Kept::new(sheet, now_ms(), lifetimes));
    }
    // The fetch took its time, and the rates have aged meanwhile.
    match kept.map(|kept| Kept::new(kept.sheet, now_ms(), lifetimes)) {
        Some(kept) if kept.age <= lifetimes.max_stale => Ok(kept),
        _ if is_mine => Err(unavailable()),
        _ => wait(lifetimes).await,
    }
}

async fn read(lifetimes: Lifetimes) -> Result<Option<Kept>, Problem> {
    let stored = store::spin::open().await.get(&keys::rates()).await?;
    // A sheet that cannot be read is fetched anew.
    Ok(stored.as_deref().and_then(Sheet::decode).map(|sheet| Kept::new(sheet, now_ms(), lifetimes)))
}

/// Fetches new rates and keeps them, whose turn it is.
async fn fetch(mine: Mine, lifetimes: Lifetimes) -> Option<Sheet> {
    let begun_ms = now_ms();
    let fetched = upstream::fetch(begun_ms).await;
    let store = store::spin::open().await;
    // What could not be kept can still be shown, and a claim that was not settled ends by itself.
    match fetched {
        Ok(sheet) => {
            let _ = store.set(&keys::rates(), &sheet.encode()).await;
            let _ = claim::settle(&store, mine, claim::later(begun_ms, lifetimes.ttl)).await;
            remember(&store, &sheet).await;
            Some(sheet)
        }
        Err(failed) => {
            eventlog::event(Level::Warn, "rates-not-fetched", [("cause", failed.why.into())]);
            let wait = failed.retry_after.unwrap_or_default().max(lifetimes.ttl);
            let _ = claim::settle(&store, mine, claim::later(begun_ms, wait)).await;
            None
        }
    }
}

/// Adds the rates to their history; one that does not answer or cannot be read begins anew.
async fn remember(store: &impl Store, sheet: &Sheet) {
    let Ok(kept) = store.get(&keys::rates_history()).await else { return };
    let mut history = kept.as_deref().and_then(History::decode).unwrap_or_default();
    history.add(sheet);
    let _ = store.set(&keys::rates_history(), &history.encode()).await;
}

/// How the rates moved, as JSON.
///
/// # Errors
/// 503 `storage-unavailable`.
pub async fn history() -> Result<Vec<u8>, Problem> {
    let kept = store::spin::open().await.get(&keys::rates_history()).await?;
    Ok(kept.unwrap_or_else(|| History::default().encode()))
}

/// Waits for the request that is fetching, as long as a fetch may take.
async fn wait(lifetimes: Lifetimes) -> Result<Kept, Problem> {
    let mut waited = Duration::ZERO;
    loop {
        // Asked before the rates are looked for: whoever fetches keeps them first and settles then.
        let is_fetching = claim::is_fetching(&store::spin::open().await, now_ms()).await;
        match read(lifetimes).await? {
            Some(kept) if kept.age <= lifetimes.max_stale => return Ok(kept),
            _ if is_fetching && waited < upstream::DEADLINE => (),
            _ => return Err(unavailable()),
        }
        spin_sdk::time::sleep(LOOK_AGAIN).await;
        waited = waited.saturating_add(LOOK_AGAIN);
    }
}

fn unavailable() -> Problem {
    Problem::new(Code::RatesUnavailable, "The source of the rates is down, and none fresh enough are kept.")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
