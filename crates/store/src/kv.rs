//! The `kv` adapter: Spin's key-value store, on whatever backend.
//!
//! It assumes the facts of docs/spin.md, and no more:
//!
//! - Reads and sets are asynchronous and are raced against the deadline. Increment and compare-and-swap are
//!   synchronous and cannot be. So they are only called after a read of this request was answered, and if nothing
//!   in the instance has failed or been slow since (fact 6).
//! - The answer of a swap proves nothing, so a swap that was carried out is [`Swap::Unknown`] (fact 1).
//! - An absent key is never swapped (fact 3), and no key is both incremented and set (fact 4). The one exception is
//!   an election: an increment makes a zero, and a swap replaces it with the ticket, in the form in which the store
//!   keeps numbers. So a late `increment(key, 0)` still finds a number and changes nothing.

use std::cell::Cell;
use std::time::Duration;

use batch::{RemainingWork, TimedRequest};

use crate::breaker::{CallContext, Missed, ask};
use crate::counter;
use crate::{Counter, Document, Election, NotIncremented, Store, Swap, Unavailable, is_same};

/// How often an election is tried before the store counts as unavailable. One try suffices unless the
/// compare-and-swap itself fails.
const ELECTION_TRIES: usize = 8;

/// After a call that took longer than this, the next one first checks whether the store still answers.
const SLOW_CALL: Duration = Duration::from_millis(100);

/// Spin's key-value calls. Implemented by [`crate::spin`] and by the simulator.
///
/// The calls of `wasi:keyvalue` are synchronous: in a component they are done when they are polled. They are `async`
/// here so that the simulator can interleave others.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait RawKv: CallContext {
    /// A compare-and-swap that has begun.
    type Cas;

    /// `spin:key-value` `store.get`.
    ///
    /// # Errors
    /// [`KvFailure`].
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure>;

    /// `spin:key-value` `store.set`.
    ///
    /// # Errors
    /// [`KvFailure`].
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvFailure>;

    /// `wasi:keyvalue/atomics` `increment`.
    ///
    /// # Errors
    /// [`KvFailure`].
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvFailure>;

    /// `wasi:keyvalue/atomics` `cas.new` and `cas.current`.
    ///
    /// # Errors
    /// [`KvFailure`].
    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), KvFailure>;

    /// `wasi:keyvalue/atomics` `swap`. Its answer is worthless (fact 1).
    async fn swap(&self, cas: Self::Cas, value: &[u8]);
}

/// The store answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvFailure {
    /// A counter would overflow.
    Overflow,
    /// Anything else.
    Other,
}

/// The port on Spin's key-value store, for one request.
#[derive(Debug)]
pub struct Kv<R> {
    raw: R,
    /// How many failures there had been when the last answered read was sent.
    answered: Cell<Option<u64>>,
}

impl<R: RawKv> Kv<R> {
    /// The port for one request, with the deadline of `raw`.
    pub fn new(raw: R) -> Self {
        Self { raw, answered: Cell::new(None) }
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        // The answer may have arrived long before it is seen here: another request's call blocked the instance
        // meanwhile.
        let failures = self.raw.breaker().failures();
        let answer = ask(&self.raw, self.raw.get(key)).await;
        self.answered.set(matches!(answer, Ok(Ok(_))).then_some(failures));
        answer.ok().and_then(Result::ok).ok_or(Unavailable::Untouched)
    }

    /// Makes sure that the store answers before a call that cannot be given up.
    async fn probe(&self, key: &str) -> Result<(), Unavailable> {
        let in_time = self.raw.by_deadline(std::future::ready(())).await.is_some();
        if in_time && self.answered.get() == Some(self.raw.breaker().failures()) {
            return Ok(());
        }
        self.read(key).await.map(drop)
    }

    /// Makes a synchronous call, which cannot be given up.
    async fn call_blocking<T>(&self, call: impl Future<Output = T>) -> T {
        let began = self.raw.now();
        let answer = call.await;
        if self.raw.now().saturating_sub(began) > SLOW_CALL {
            self.raw.breaker().note_failure();
        }
        answer
    }

    async fn number(&self, key: &str) -> Result<Option<i64>, Unavailable> {
        let Some(stored) = self.read(key).await? else { return Ok(None) };
        match counter::decode(&stored) {
            Some((number, _)) => Ok(Some(number)),
            None => self
                .call_blocking(self.raw.increment(key, 0))
                .await
                .map(Some)
                .map_err(|_| Unavailable::Untouched),
        }
    }

    /// One attempt to replace the zero of an increment by `candidate`. That increment may have been slow, or another
    /// request may have missed its deadline meanwhile.
    async fn propose(&self, key: &str, candidate: i64) -> Result<(), Unavailable> {
        self.probe(key).await?;
        let (cas, current) =
            self.call_blocking(self.raw.begin(key)).await.map_err(|_| Unavailable::Unknown)?;
        if let Some((0, form)) = current.as_deref().and_then(counter::decode) {
            self.call_blocking(self.raw.swap(cas, &counter::encode(candidate, form))).await;
        }
        Ok(())
    }
}

impl<R: RawKv + TimedRequest> TimedRequest for Kv<R> {
    fn deadline(&self) -> Duration {
        self.raw.deadline()
    }

    fn until(&self, deadline: Duration) -> Self {
        Self { raw: self.raw.until(deadline), answered: self.answered.clone() }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        self.raw.in_time(call).await
    }

    fn spawn(&self, rest: RemainingWork) {
        self.raw.spawn(rest);
    }
}

impl<R: RawKv> Store for Kv<R> {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        self.read(key.as_str()).await
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        match ask(&self.raw, self.raw.set(key.as_str(), value)).await {
            Ok(Ok(())) => Ok(()),
            Err(Missed::Unsent) => Err(Unavailable::Untouched),
            Ok(Err(_)) | Err(Missed::Unanswered) => Err(Unavailable::Unknown),
        }
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        self.probe(key.as_str()).await?;
        let (cas, found) =
            self.call_blocking(self.raw.begin(key.as_str())).await.map_err(|_| Unavailable::Untouched)?;
        if !found.as_deref().is_some_and(|found| is_same(found, current)) {
            return Ok(Swap::Lost(found));
        }
        self.call_blocking(self.raw.swap(cas, next)).await;
        Ok(Swap::Unknown)
    }

    async fn step_aside(&self, together: u32) -> bool {
        self.raw.by_deadline(self.raw.step_aside(together)).await;
        true
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        self.number(key.as_str()).await.map(|number| number.unwrap_or(0))
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        self.probe(key.as_str()).await?;
        self.call_blocking(self.raw.increment(key.as_str(), delta)).await.map_err(|failed| match failed {
            KvFailure::Overflow => NotIncremented::Overflow,
            KvFailure::Other => Unavailable::Unknown.into(),
        })
    }

    /// SQLite wraps on overflow, Redis refuses (fact 4), and neither has a bound. If requests race past the bound
    /// together, each that finds the sum too large takes its own part back.
    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        if self.count(key).await?.checked_add(delta).is_none_or(|sum| sum > bound) {
            return Ok(None);
        }
        match self.increment(key, delta).await {
            Ok(sum) if (0..=bound).contains(&sum) => Ok(Some(sum)),
            Ok(_) => match self.increment(key, delta.saturating_neg()).await {
                Ok(_) => Ok(None),
                Err(_) => Err(Unavailable::Unknown),
            },
            Err(NotIncremented::Overflow) => Ok(None),
            Err(NotIncremented::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        self.number(key.as_str()).await.map(|number| number.filter(|&elected| elected != 0))
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        let key = key.as_str();
        self.probe(key).await?;
        for _ in 0..ELECTION_TRIES {
            match self.call_blocking(self.raw.increment(key, 0)).await {
                Ok(0) => {
                    self.propose(key, candidate).await.map_err(|_| Unavailable::Unknown)?;
                    self.probe(key).await.map_err(|_| Unavailable::Unknown)?;
                }
                Ok(elected) => return Ok(elected),
                Err(_) => return Err(Unavailable::Unknown),
            }
        }
        Err(Unavailable::Unknown)
    }
}

#[cfg(test)]
mod tests;
