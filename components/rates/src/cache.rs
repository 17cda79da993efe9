//! The rates to show: fresh ones from the store; or new ones, fetched by the one request that holds the claim; or
//! the last good ones while upstream fails. A fresh answer costs one read of the store.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ::upstream::claim::{self, HeldClaim};
use ::upstream::moment::{self, now_ms};
use api::{Code, Problem};
use eventlog::Level;
use store::{Store, is_same, keys};

use crate::history::History;
use crate::report::News;
use crate::settings::{self, Lifetimes};
use crate::sheet::{FetchedSheet, Sheet};
use crate::upstream;

/// How often a waiting request checks whether the fetch has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How soon upstream is asked again after a failure, however long rates are fresh.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The rates to show, and how old they are now.
#[derive(Debug)]
pub struct CurrentRates {
    /// The rates.
    pub sheet: Rc<Sheet>,
    /// When they were fetched, since 1970; never later than now.
    pub as_of: Duration,
    /// The time since they were fetched.
    pub age: Duration,
    /// How much longer they are fresh; zero for stale ones.
    pub fresh_for: Duration,
    /// Their time stamp is in the future.
    ahead: bool,
}

impl CurrentRates {
    /// The age of rates with a time stamp in the future is unknown: a clock was wrong when they were stored, or is
    /// now. They are stale at once, and their age is that difference, so that they expire some day too.
    fn new(sheet: Rc<Sheet>, now_ms: u64, lifetimes: Lifetimes) -> Self {
        let (age, fresh_for, ahead) = match moment::since(sheet.as_of_ms, now_ms) {
            Ok(age) => (age, lifetimes.ttl.saturating_sub(age), false),
            Err(ahead) => (ahead, Duration::ZERO, true),
        };
        let as_of = Duration::from_millis(now_ms).saturating_sub(age);
        Self { sheet, as_of, age, fresh_for, ahead }
    }

    /// Whether the rates are older than their lifetime.
    pub fn is_stale(&self) -> bool {
        self.fresh_for.is_zero()
    }
}

/// The rates to show now.
///
/// # Errors
///
/// 503 `rates-unavailable` if upstream has none and there are none fresh enough; 503 `storage-unavailable`.
pub async fn current() -> Result<CurrentRates, Problem> {
    let lifetimes = settings::lifetimes().await;
    let kept = read_stored(lifetimes).await?;
    if kept.as_ref().is_some_and(|kept| !kept.is_stale()) {
        return kept.ok_or_else(unavailable);
    }
    let (store, opening) = (store::spin::open().await, keys::rates_claim());
    let mine = claim::claim(&store, &opening, upstream::DEADLINE, now_ms()).await.ok().flatten();
    let is_mine = mine.is_some();
    if let Some(mine) = mine {
        if let Some(kept) = kept.as_ref().filter(|kept| kept.ahead) {
            warn_of_a_clock(kept);
        }
        if let Some(sheet) = fetch(mine, lifetimes).await {
            return Ok(CurrentRates::new(Rc::new(sheet), now_ms(), lifetimes));
        }
    }
    // The fetch took time, in which the rates have aged.
    match kept.map(|kept| CurrentRates::new(kept.sheet, now_ms(), lifetimes)) {
        Some(kept) if kept.age <= lifetimes.max_stale => Ok(kept),
        _ if is_mine => Err(unavailable()),
        _ => wait_for_fetch(lifetimes).await,
    }
}

async fn read_stored(lifetimes: Lifetimes) -> Result<Option<CurrentRates>, Problem> {
    let stored = store::spin::open().await.get(&keys::rates()).await?;
    // A sheet that cannot be read is fetched again.
    Ok(stored.and_then(decode).map(|sheet| CurrentRates::new(sheet, now_ms(), lifetimes)))
}

thread_local! {
    /// The stored sheet that this instance has read last, by its bytes.
    static LAST: RefCell<Option<(Vec<u8>, Rc<Sheet>)>> = const { RefCell::new(None) };
}

/// Reads a stored sheet, unless it is the same as the last one.
fn decode(stored: Vec<u8>) -> Option<Rc<Sheet>> {
    LAST.with_borrow_mut(|last| match last {
        Some((bytes, sheet)) if is_same(bytes, &stored) => Some(Rc::clone(sheet)),
        _ => {
            let sheet = Rc::new(Sheet::decode(&stored)?);
            *last = Some((stored, Rc::clone(&sheet)));
            Some(sheet)
        }
    })
}

fn warn_of_a_clock(kept: &CurrentRates) {
    let ahead = [("ahead_seconds", kept.age.as_secs().into())];
    eventlog::event(Level::Warn, "rates-from-the-future", ahead);
}

/// Fetches new rates and stores them, for the request that holds the claim.
async fn fetch(mut mine: HeldClaim, lifetimes: Lifetimes) -> Option<Sheet> {
    let begun_ms = now_ms();
    let fetched = upstream::fetch(begun_ms).await;
    let store = store::spin::open().await;
    let (sheet, news, pause) = match fetched {
        Ok(FetchedSheet { sheet, left_out }) if left_out.is_empty() => {
            (Some(sheet), News::Whole, lifetimes.ttl)
        }
        Ok(FetchedSheet { sheet, left_out }) => (Some(sheet), News::LeftOut(left_out), lifetimes.ttl),
        Err(failed) => {
            let pause = failed.retry_after.unwrap_or_default().max(lifetimes.ttl.min(RETRY_AFTER));
            (None, News::Failed(failed), pause)
        }
    };
    mine.said = news.log(&mine.said, now_ms());
    // If they could not be stored, they can still be shown; a claim that was not settled expires.
    if let Some(sheet) = &sheet {
        let _ = store.set(&keys::rates(), &sheet.encode()).await;
    }
    let _ = claim::settle(&store, mine, begun_ms, pause).await;
    if let Some(sheet) = &sheet {
        add_to_history(&store, sheet).await;
    }
    sheet
}

/// Adds the rates to their history. A history that cannot be read begins anew.
async fn add_to_history(store: &impl Store, sheet: &Sheet) {
    let Ok(kept) = store.get(&keys::rates_history()).await else { return };
    let mut history = kept.as_deref().and_then(History::decode).unwrap_or_default();
    history.add(sheet);
    let _ = store.set(&keys::rates_history(), &history.encode()).await;
}

/// The history of the rates, as JSON.
///
/// # Errors
///
/// 503 `storage-unavailable`.
pub async fn history() -> Result<Vec<u8>, Problem> {
    let kept = store::spin::open().await.get(&keys::rates_history()).await?;
    Ok(kept.unwrap_or_else(|| History::default().encode()))
}

/// Waits for the request that is fetching, as long as a fetch may take.
async fn wait_for_fetch(lifetimes: Lifetimes) -> Result<CurrentRates, Problem> {
    let mut waited = Duration::ZERO;
    loop {
        // Checked before the rates are read: a fetcher stores them first and settles its claim then.
        let is_fetching =
            claim::is_fetching(&store::spin::open().await, &keys::rates_claim(), now_ms()).await;
        match read_stored(lifetimes).await? {
            Some(kept) if kept.age <= lifetimes.max_stale => return Ok(kept),
            _ if is_fetching && waited < upstream::DEADLINE => (),
            _ => return Err(unavailable()),
        }
        spin_sdk::time::sleep(POLL_INTERVAL).await;
        waited = waited.saturating_add(POLL_INTERVAL);
    }
}

fn unavailable() -> Problem {
    Problem::new(Code::RatesUnavailable, "The source of the rates is down, and none fresh enough are kept.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW_MS: u64 = 1_793_000_000_000;

    fn kept(as_of_ms: u64, ttl: Duration) -> CurrentRates {
        let body = br#"{"rates":{"usd":{"name":"n","unit":"u","value":1,"type":"fiat"}}}"#;
        let sheet = Sheet::from_upstream(body, as_of_ms).unwrap().sheet;
        CurrentRates::new(Rc::new(sheet), NOW_MS, Lifetimes { ttl, max_stale: DAY })
    }

    #[test]
    fn rates_are_fresh_for_their_life_however_long_it_is() {
        let day_ms = 86_400_000;
        for (age_ms, ttl, is_stale) in [
            (0, Duration::from_secs(60), false),
            (59_999, Duration::from_secs(60), false),
            (60_000, Duration::from_secs(60), true),
            (2 * day_ms - 1, DAY * 2, false),
            (2 * day_ms, DAY * 2, true),
        ] {
            let kept = kept(NOW_MS - age_ms, ttl);
            assert_eq!((kept.age, kept.is_stale()), (Duration::from_millis(age_ms), is_stale), "{age_ms}");
        }
    }

    #[test]
    fn rates_that_bear_a_time_to_come_are_stale_and_never_shown_as_of_then() {
        for ahead_ms in [5_001, 30_000, 86_400_000, u64::MAX - NOW_MS] {
            let kept = kept(NOW_MS + ahead_ms, DAY);
            assert!(kept.is_stale() && kept.ahead, "{ahead_ms}");
            assert_eq!(kept.age, Duration::from_millis(ahead_ms));
            assert!(kept.as_of <= Duration::from_millis(NOW_MS), "{ahead_ms}");
        }
    }

    #[test]
    fn a_sheet_is_read_once_and_another_one_anew() {
        let stored = |as_of_ms| {
            let body = br#"{"rates":{"usd":{"name":"n","unit":"u","value":1,"type":"fiat"}}}"#;
            Sheet::from_upstream(body, as_of_ms).unwrap().sheet.encode()
        };
        let first = decode(stored(1)).unwrap();
        assert!(Rc::ptr_eq(&first, &decode(stored(1)).unwrap()));
        assert!(decode(b"{}".to_vec()).is_none());
        assert_eq!((first.as_of_ms, decode(stored(2)).unwrap().as_of_ms), (1, 2));
        assert_eq!(decode(stored(1)).unwrap().as_of_ms, 1);
    }

    #[test]
    fn rates_by_a_clock_that_is_a_little_ahead_are_of_now() {
        let kept = kept(NOW_MS + 5_000, DAY);
        assert_eq!((kept.age, kept.as_of), (Duration::ZERO, Duration::from_millis(NOW_MS)));
        assert!(!kept.is_stale() && !kept.ahead);
    }
}
