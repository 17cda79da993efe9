//! The issuer's keys: each instance remembers them, the store keeps them for all banks, and one request of all is
//! elected to fetch them.
//!
//! They are fetched again after 10 minutes, and for a token whose key is unknown, but never within 30 seconds of
//! the last fetch. What the issuer publishes replaces what it published before, even if that is no key at all.
//! While the issuer cannot be reached, the last keys are good for a day. Each source has keys of its own in the
//! store.
//!
//! While the keys are younger than 20 minutes, at most one request of an instance waits for the issuer: one whose
//! token names an unknown key. A few other requests with such tokens wait half a second for its result; all others
//! get a 503 at once. While the issuer may not be asked again yet, they get their answer at once, and for a second
//! without a read of the store. So a client that invents key names delays nobody else. Older keys are used only
//! after the issuer was asked, or could not be: a key that was withdrawn while no requests came lets nobody in.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::LocalKey;
use std::time::Duration;

use api::Problem;
use api::recent::RecentCache;
use eventlog::Level;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::keys::ElectedKeys;
use store::{Store, keys};
use token::{KeySet, VerifiedToken};
use upstream::claim::{self, HeldClaim};
use upstream::moment;
use upstream::report::Report;

use crate::environment::{Environment, OpensStore};
use crate::issuer;
use crate::problem::unavailable;
use crate::settings::KeyLocation;

/// How long keys are used without a new fetch.
const FRESH_FOR: Duration = Duration::from_secs(600);
/// How long they are used while a new fetch is under way.
const STALE_FOR: Duration = Duration::from_secs(1200);
/// How long they are used while the issuer cannot be reached.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// How long after a fetch the next one may begin, for whatever reason.
const REFETCH_AFTER: Duration = Duration::from_secs(30);
/// How often a waiting request checks whether the fetch has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a request waits for the result of another one's fetch.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// How many requests of an instance may wait like that. All calls of `identity` share a few places in the host.
const MAX_WAITING: u32 = 4;
/// How often an instance without fresh keys looks for them in the store, and how often it checks whether the issuer
/// may be asked for an unknown key.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often a failure that goes on is logged again.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Keys as they are stored.
#[derive(Serialize, Deserialize)]
struct StoredKeys {
    v: u8,
    as_of_ms: u64,
    issuer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks_url: Option<String>,
    keys: Box<RawValue>,
}

/// Keys, and when they were fetched.
#[derive(Debug)]
pub struct CachedKeys {
    /// The keys.
    pub set: KeySet,
    /// The tokens that were verified with them, by SHA-256.
    pub verified: RecentCache<VerifiedToken>,
    as_of_ms: u64,
}

impl CachedKeys {
    /// Whether they were fetched at that time or later.
    pub fn are_fetched_since(&self, time_ms: u64) -> bool {
        self.as_of_ms >= time_ms
    }
}

thread_local! {
    /// How many requests wait for a fetch: at most one.
    static ASKING: Cell<u32> = const { Cell::new(0) };
    /// How many requests wait for that one's result.
    static WAITING: Cell<u32> = const { Cell::new(0) };
    static REMEMBERED: RefCell<Option<Rc<CachedKeys>>> = const { RefCell::new(None) };
    /// When old keys were last found to be good enough.
    static CHECKED_MS: Cell<u64> = const { Cell::new(0) };
    /// When the issuer was last found to be off limits for now.
    static REFUSED_MS: Cell<u64> = const { Cell::new(0) };
}

/// Forgets what this instance remembers.
#[cfg(test)]
pub fn forget() {
    REMEMBERED.set(None);
    CHECKED_MS.set(0);
    REFUSED_MS.set(0);
}

/// Held by a request that waits, if only so many of an instance may wait at a time.
struct WaitingPermit(&'static LocalKey<Cell<u32>>);

impl WaitingPermit {
    fn take(taken: &'static LocalKey<Cell<u32>>, most: u32) -> Option<Self> {
        (taken.get() < most).then(|| {
            taken.set(taken.get().saturating_add(1));
            Self(taken)
        })
    }
}

impl Drop for WaitingPermit {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Access to the issuer's keys.
pub struct KeyFetcher<'a, S, E> {
    /// The store that keeps them.
    pub stores: &'a S,
    /// The clock, and the way to the issuer.
    pub environment: &'a E,
    /// Whose keys, and where they are published.
    pub source: &'a KeyLocation,
}

impl CachedKeys {
    /// Their age. If their time stamp is in the future, their age is that difference, so that they expire some day
    /// too.
    fn age(&self, now_ms: u64) -> Duration {
        moment::since(self.as_of_ms, now_ms).unwrap_or_else(|ahead| ahead.max(FRESH_FOR))
    }
}

impl<S: OpensStore, E: Environment> KeyFetcher<'_, S, E> {
    /// The keys to verify with now.
    ///
    /// # Errors
    ///
    /// 503 if there are none, or if they are too old.
    pub async fn current(&self) -> Result<Rc<CachedKeys>, Problem> {
        let now_ms = self.environment.now_ms();
        let remembered = REMEMBERED.with_borrow(Clone::clone);
        if let Some(kept) = &remembered {
            let age = kept.age(now_ms);
            if age < FRESH_FOR || (is_a_moment_ago(&CHECKED_MS, now_ms) && age <= MAX_AGE) {
                return Ok(kept.clone());
            }
        }
        // A store that does not answer must not take keys away.
        let stored = self.read_stored().await;
        let best = stored.as_ref().ok().cloned().flatten().or(remembered);
        let age = best.as_ref().map_or(Duration::MAX, |kept| kept.age(now_ms));
        match best.filter(|_| age <= MAX_AGE) {
            Some(kept) if age < FRESH_FOR => Ok(kept),
            Some(kept) if age <= STALE_FOR || self.is_away().await => {
                CHECKED_MS.set(now_ms);
                self.refresh();
                Ok(kept)
            }
            Some(kept) => {
                let newer = self.newer(kept.as_of_ms).await;
                Ok(newer.unwrap_or_else(|| {
                    CHECKED_MS.set(now_ms);
                    kept
                }))
            }
            None => {
                stored?;
                let newer = self.newer(0).await;
                newer.ok_or_else(|| unavailable("The keys of the issuer of tokens cannot be had."))
            }
        }
    }

    /// Whether the issuer could not be reached a short while ago.
    async fn is_away(&self) -> bool {
        claim::has_failed(&self.stores.open().await, &self.claim(), FRESH_FOR, self.environment.now_ms())
            .await
    }

    /// Keys that were fetched after `kept`, for a token whose key is not in there; `None` if the issuer cannot be
    /// asked now, or if another request is still waiting for it.
    pub async fn newer_than(&self, kept: &CachedKeys) -> Option<Rc<CachedKeys>> {
        if is_a_moment_ago(&REFUSED_MS, self.environment.now_ms()) {
            return None;
        }
        let stored = self.read_stored().await.ok().flatten();
        if let Some(newer) = stored.filter(|stored| stored.as_of_ms > kept.as_of_ms) {
            return Some(newer);
        }
        if let Some(_permit) = WaitingPermit::take(&ASKING, 1) {
            return self.newer(kept.as_of_ms).await;
        }
        let _permit = WaitingPermit::take(&WAITING, MAX_WAITING)?;
        self.wait_briefly(kept.as_of_ms).await
    }

    /// Keys that were fetched after this time, if the one request that waits for them gets them soon.
    async fn wait_briefly(&self, as_of_ms: u64) -> Option<Rc<CachedKeys>> {
        let mut waited = Duration::ZERO;
        while waited < MAX_WAIT && ASKING.get() > 0 {
            self.environment.pause(POLL_INTERVAL).await;
            waited = waited.saturating_add(POLL_INTERVAL);
        }
        REMEMBERED.with_borrow(Clone::clone).filter(|kept| kept.as_of_ms > as_of_ms)
    }

    /// Keys that were fetched after this time: by another request, by this one, or by a fetch that is under way.
    async fn newer(&self, as_of_ms: u64) -> Option<Rc<CachedKeys>> {
        let mut waited = Duration::ZERO;
        loop {
            // Checked before the keys are read: a fetcher stores them first and settles its claim then.
            let is_fetching = self.is_fetching().await;
            let stored = self.read_stored().await.ok().flatten();
            let is_newer = |kept: &Rc<CachedKeys>| {
                kept.as_of_ms > as_of_ms && kept.age(self.environment.now_ms()) <= MAX_AGE
            };
            if let Some(newer) = stored.filter(is_newer) {
                return Some(newer);
            }
            if !is_fetching {
                if let Some(mine) = self.try_claim().await {
                    return self.fetch(mine).await;
                }
                // Unless another request was faster, the issuer may not be asked yet.
                if !self.is_fetching().await {
                    REFUSED_MS.set(self.environment.now_ms());
                    return None;
                }
            }
            if waited > issuer::DEADLINE {
                return None;
            }
            self.environment.pause(POLL_INTERVAL).await;
            waited = waited.saturating_add(POLL_INTERVAL);
        }
    }

    /// Fetches, if this instance gets the claim. Nobody waits for it.
    fn refresh(&self) {
        let (stores, environment, source) =
            (self.stores.clone(), self.environment.clone(), self.source.clone());
        self.environment.spawn(async move {
            let fetcher = KeyFetcher { stores: &stores, environment: &environment, source: &source };
            if let Some(mine) = fetcher.try_claim().await {
                fetcher.fetch(mine).await;
            }
        });
    }

    async fn is_fetching(&self) -> bool {
        claim::is_fetching(&self.stores.open().await, &self.claim(), self.environment.now_ms()).await
    }

    fn claim(&self) -> ElectedKeys {
        keys::issuer_claim(&self.source.name())
    }

    async fn try_claim(&self) -> Option<HeldClaim> {
        let store = self.stores.open().await;
        let claim = self.claim();
        let claim = claim::claim(&store, &claim, issuer::DEADLINE, self.environment.now_ms());
        claim.await.ok().flatten()
    }

    async fn fetch(&self, mut mine: HeldClaim) -> Option<Rc<CachedKeys>> {
        let begun_ms = self.environment.now_ms();
        let fetched = issuer::fetch(self.environment, self.source).await;
        let kept = fetched.and_then(|keys| self.parse(&keys, begun_ms));
        mine.said = self.log_failure(&mine.said, &kept);
        let store = self.stores.open().await;
        let kept = match kept {
            Ok((encoded, kept)) => {
                // If the keys could not be stored, they can still be used; a claim that was not settled expires.
                let _ = store.set(&keys::issuer(&self.source.name()), &encoded).await;
                Some(remember(kept))
            }
            Err(_) => None,
        };
        let _ = claim::settle(&store, mine, begun_ms, REFETCH_AFTER).await;
        kept
    }

    /// Logs a fetch that failed, and returns the latest report.
    fn log_failure(&self, before: &Report, kept: &Result<(Vec<u8>, CachedKeys), String>) -> Report {
        let (event, what) = match kept {
            Err(why) => ("keys-not-fetched", why.clone()),
            Ok((_, kept)) if kept.set.is_empty() => {
                ("no-keys", "the key set has no key that can be used".into())
            }
            Ok(_) => ("", String::new()),
        };
        let said = before.next(what, REPEAT_AFTER, self.environment.now_ms());
        if said.is_news(before) && !said.what.is_empty() {
            let members = [("cause", said.what.as_str().into()), ("times", said.times.into())];
            eventlog::event(Level::Warn, event, members);
        }
        said
    }

    /// The fetched keys in their stored form, and as they are used.
    fn parse(&self, fetched: &[u8], as_of_ms: u64) -> Result<(Vec<u8>, CachedKeys), String> {
        let read = || {
            let set = KeySet::of_issuer(fetched)?;
            let KeyLocation { issuer, jwks_url } = self.source.clone();
            let keys = serde_json::from_slice(fetched).ok()?;
            let stored = StoredKeys { v: 1, as_of_ms, issuer, jwks_url, keys };
            Some((
                serde_json::to_vec(&stored).ok()?,
                CachedKeys { set, verified: RecentCache::new(), as_of_ms },
            ))
        };
        read().ok_or_else(|| "the key set is no JSON Web Key Set".to_owned())
    }

    /// The keys in the store. Keys that cannot be read, or of another source, count as none.
    async fn read_stored(&self) -> Result<Option<Rc<CachedKeys>>, Problem> {
        let stored = self.stores.open().await.get(&keys::issuer(&self.source.name())).await?;
        let Some(StoredKeys { v: 1, as_of_ms, issuer, jwks_url, keys }) =
            stored.and_then(|stored| serde_json::from_slice(&stored).ok())
        else {
            return Ok(None);
        };
        if (KeyLocation { issuer, jwks_url }) != *self.source {
            return Ok(None);
        }
        let known = REMEMBERED.with_borrow(Clone::clone).filter(|kept| kept.as_of_ms == as_of_ms);
        if known.is_some() {
            return Ok(known);
        }
        let set = KeySet::of_issuer(keys.get().as_bytes());
        Ok(set.map(|set| remember(CachedKeys { set, verified: RecentCache::new(), as_of_ms })))
    }
}

fn is_a_moment_ago(time_ms: &'static LocalKey<Cell<u64>>, now_ms: u64) -> bool {
    moment::since(time_ms.get(), now_ms).is_ok_and(|ago| ago < CHECK_INTERVAL)
}

fn remember(kept: CachedKeys) -> Rc<CachedKeys> {
    let kept = Rc::new(kept);
    REMEMBERED.set(Some(kept.clone()));
    kept
}
