//! The rates that are shown: fresh ones from the store, or fetched by the one request whose turn it is,
//! or the last good ones while upstream fails.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{Code, Problem};
use eventlog::Level;
use store::{Store, keys};

use crate::settings::{self, Lifetimes};
use crate::sheet::Sheet;
use crate::{claim, upstream};

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
    fn new(sheet: Sheet, now: u64, lifetimes: Lifetimes) -> Self {
        let age = Duration::from_millis(now.saturating_sub(sheet.as_of_ms));
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
    let store = store::spin::open().await;
    let mine = claim::claim(&store, now_ms(), lifetimes.ttl).await.unwrap_or(false);
    if mine && let Some(sheet) = fetch().await {
        return Ok(Kept::new(sheet, now_ms(), lifetimes));
    }
    // The fetch took its time, and the rates have aged meanwhile.
    match kept.map(|kept| Kept::new(kept.sheet, now_ms(), lifetimes)) {
        Some(kept) if kept.age <= lifetimes.max_stale => Ok(kept),
        _ if mine => Err(unavailable()),
        _ => wait(lifetimes).await,
    }
}

async fn read(lifetimes: Lifetimes) -> Result<Option<Kept>, Problem> {
    let store = store::spin::open().await;
    let stored = store.get(&keys::rates()).await?;
    // A sheet that cannot be read is fetched anew.
    Ok(stored.as_deref().and_then(Sheet::decode).map(|sheet| Kept::new(sheet, now_ms(), lifetimes)))
}

async fn fetch() -> Option<Sheet> {
    let fetched = upstream::fetch(now_ms()).await;
    let store = store::spin::open().await;
    match fetched {
        Ok(sheet) => {
            // What could not be kept can still be shown.
            let _ = store.set(&keys::rates(), &sheet.encode()).await;
            Some(sheet)
        }
        Err(failed) => {
            eventlog::event(Level::Warn, "rates-not-fetched", [("cause", failed.why.into())]);
            if let Some(wait) = failed.retry_after {
                let _ = claim::postpone(&store, now_ms(), wait).await;
            }
            None
        }
    }
}

/// Waits for the request that is fetching, as long as a fetch may take.
async fn wait(lifetimes: Lifetimes) -> Result<Kept, Problem> {
    let mut waited = Duration::ZERO;
    while waited < upstream::DEADLINE {
        if let Some(kept) = read(lifetimes).await?
            && kept.age <= lifetimes.max_stale
        {
            return Ok(kept);
        }
        if !claim::is_held(&store::spin::open().await, now_ms()).await {
            break;
        }
        spin_sdk::time::sleep(LOOK_AGAIN).await;
        waited = waited.saturating_add(LOOK_AGAIN);
    }
    Err(unavailable())
}

fn unavailable() -> Problem {
    Problem::new(Code::RatesUnavailable, "The source of the rates is down, and none fresh enough are kept.")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
