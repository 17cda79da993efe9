//! The storage port: what the bank asks of a store, and what it may not conclude from an answer (facts 1 to 11 of
//! docs/spin.md).
//!
//! Three kinds of key never mix ([`keys`]): a *document* holds bytes, a *counter* is only ever incremented, an
//! *election* is decided once. Every adapter keeps these promises, and one suite ([`contract`]) tests all adapters:
//!
//! - An answered read shows the newest committed value. An answered write is durable.
//! - [`Store::swap`] writes only over the value that was given. Its answer is a hint: to know whether it committed,
//!   read again. It is never called for an absent key (fact 3); a document's first write goes through
//!   [`first_write`].
//! - Every call ends by the deadline of the request. [`Unavailable::Unknown`] means that a write may have landed,
//!   or may still land later (fact 7).
//!
//! A caller may not conclude that an `Unknown` did not commit, that a `Done` is still there, or that a write which
//! timed out will not show up a minute later.

pub mod breaker;
pub mod counter;
pub mod first_write;
#[cfg(test)]
mod fuzz;
pub mod keys;
pub mod kv;
pub mod memory;
pub mod reason;
pub mod redis;
#[cfg(feature = "spin")]
pub mod spin;
pub mod trouble;

#[cfg(any(test, feature = "contract"))]
pub mod contract;

pub use keys::{Counter, Document, Election};

use futures::future::try_join_all;

use first_write::Found;

/// How a swap went, as far as the store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It committed.
    Done,
    /// The key holds this other value, or nothing; nothing was written.
    Lost(Option<Vec<u8>>),
    /// The store answered, and the answer proves nothing (fact 1). It has committed, or it may yet while
    /// the document holds the value that it was to be written over, and never after.
    Unknown,
}

/// What comes before a swap.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// Documents that must not be there, and once they are stay for ever.
    pub absent: &'a [Document],
    /// Documents that are written; the same, whoever writes them.
    pub written: &'a [(Document, Vec<u8>)],
}

/// What became of an increment that is part of a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It was added, and this is the total right after it, with the document that the other part of the total was
    /// taken from. Only that document's sum was looked at: the caller checks the rest.
    To(i64, Option<Found>),
    /// The total would have passed its limit; nothing was added.
    Past,
    /// The other part of the total could not be told; nothing was added.
    Unread,
}

/// What is written into a document with a total that only the store knows.
#[derive(Debug, Clone, Copy)]
pub struct WithTotal<'a> {
    /// The other part of the total.
    pub cell: &'a Counter,
    /// The document's own part; 1 or more.
    pub own: i64,
    /// The largest total.
    pub limit: i64,
    /// What stands in front of the total.
    pub head: &'a [u8],
    /// What stands behind it.
    pub tail: &'a [u8],
    /// What is written instead when the total would pass its limit.
    pub otherwise: &'a [u8],
}

/// The store did not answer in time, or answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Nothing was written and nothing will be.
    #[error("storage is unavailable; nothing happened")]
    Untouched,
    /// A write was on its way: it may have landed, or may land later.
    #[error("storage is unavailable; a write may have happened")]
    Unknown,
}

/// Why an increment did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIncremented {
    /// The sum would leave the range of a 64-bit integer; the counter is unchanged.
    #[error("the counter would leave its range")]
    Overflow,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the bank asks of a store. Implementations live in [`kv`], [`redis`] and [`memory`].
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait Store {
    /// The value of a document.
    ///
    /// # Errors
    /// [`Unavailable::Untouched`].
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable>;

    /// Writes a document whatever is there. Only for values that are the same whoever writes them.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable>;

    /// Writes `next` over a document that still holds `current`.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable>;

    /// Swaps as [`Store::swap`] does, once nothing of `before.absent` is there and all of `before.written`
    /// is stored. Where something is there the swap is [`Swap::Lost`], though the document may hold
    /// `current`; where something could not be stored nothing happened.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn swap_after(
        &self,
        before: Before<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        one_by_one(self, before, key, current, next).await
    }

    /// Whether a document still holds `value`, which is then as safe as what an acknowledged write has left: for
    /// whoever takes what was read for the answer to a write, since it may have been read before it was safe.
    ///
    /// # Errors
    /// [`Unavailable`]: it may be safe, or not.
    async fn is_kept(&self, _key: &Document, _value: &[u8]) -> Result<bool, Unavailable> {
        Ok(true)
    }

    /// Writes `first` into the document that nobody has opened, and leaves everything as
    /// [`first_write::open`] with `empty` and a swap would. [`Swap::Lost`] where somebody has begun to open it,
    /// and on a store that does not do all that in one go: then nothing was written, and it is to be opened.
    /// After an `Unknown` it may still happen as long as nobody begins.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn write_first(
        &self,
        _opening: &keys::Opening,
        _empty: &[u8],
        _first: &[u8],
    ) -> Result<Swap, Unavailable> {
        Ok(Swap::Lost(None))
    }

    /// Adds `delta` (1 or more) to the cell of `counter` unless its total, the cell and the sum of the posts under
    /// keys, would pass `limit` (0 or more): all in one go. Only where the store [`Store::goes_together`];
    /// elsewhere nothing happens.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn add_to_total(
        &self,
        _counter: &keys::Tally,
        _delta: i64,
        _limit: i64,
    ) -> Result<Added, Unavailable> {
        Err(Unavailable::Untouched)
    }

    /// Swaps as [`Store::swap`] does, and writes the total that there is in that moment, or that there would be
    /// too large a one. Says the total too. Only where the store [`Store::goes_together`]; elsewhere nothing
    /// happens.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn swap_total(
        &self,
        _key: &Document,
        _current: &[u8],
        _next: WithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        Err(Unavailable::Untouched)
    }

    /// Lets others go first after a lost swap: where many fight for one document, all but one work in vain. The more
    /// requests went `together` in that swap, the shorter. Says whether any time has passed, so that what was
    /// read before is old.
    async fn step_aside(&self, _together: u32) -> bool {
        false
    }

    /// The value of a counter; 0 for one that was never incremented. Does not create it.
    ///
    /// # Errors
    /// [`Unavailable::Untouched`].
    async fn count(&self, key: &Counter) -> Result<i64, Unavailable>;

    /// Adds `delta` to a counter, exactly once if it answers, and says the sum.
    ///
    /// # Errors
    /// [`NotIncremented`].
    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented>;

    /// Whether what is asked at the same time goes in one round trip, a swap with all that comes before it
    /// too.
    fn goes_together(&self) -> bool {
        false
    }

    /// Adds `delta` (1 or more) to a counter unless the sum would pass `bound` (0 or more). Says the sum;
    /// `None` when nothing was added.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable>;

    /// Who was elected; `None` while nobody is.
    ///
    /// # Errors
    /// [`Unavailable::Untouched`].
    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable>;

    /// Proposes `candidate` (never 0) and says who is elected: the same for everyone, for ever.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable>;
}

/// [`Store::swap_after`] for a store where each call is a round trip.
///
/// # Errors
/// [`Unavailable`].
pub async fn one_by_one<S: Store + ?Sized>(
    store: &S,
    before: Before<'_>,
    key: &Document,
    current: &[u8],
    next: &[u8],
) -> Result<Swap, Unavailable> {
    for absent in before.absent {
        if store.get(absent).await?.is_some() {
            return store.get(key).await.map(Swap::Lost);
        }
    }
    let writes = before.written.iter().map(|(key, value)| store.set(key, value));
    try_join_all(writes).await.map_err(|_| Unavailable::Untouched)?;
    store.swap(key, current, next).await
}
