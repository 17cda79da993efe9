//! The port: the calls of a store, with what they take and what they return.

use futures::future::try_join_all;

use crate::keys::{self, Counter, Document, Election};

/// The result of a swap, as far as the store tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// It committed.
    Done,
    /// The key holds this other value, or nothing; nothing was written.
    Lost(Option<Vec<u8>>),
    /// The answer proves nothing (fact 1). The swap has committed, or may still commit while the document holds the
    /// value that it replaces, and never after.
    Unknown,
}

/// What a swap requires, and what it writes first.
#[derive(Debug, Clone, Copy, Default)]
pub struct SwapPrerequisites<'a> {
    /// Documents that must not exist. If they exist, they stay for ever.
    pub absent: &'a [Document],
    /// Documents to write, whose values are the same whoever writes them.
    pub written: &'a [(Document, Vec<u8>)],
}

/// A document that exists: its key, and its value when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its key, the same for ever.
    pub key: Document,
    /// Its value.
    pub value: Vec<u8>,
}

/// The result of an increment of a part of a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It was added, and this is the total right after it, with the document that has the other part of the total.
    /// Only that document's sum was read: the caller checks the rest.
    Total(i64, Option<Found>),
    /// The total would have passed its limit; nothing was added.
    OverLimit,
    /// The other part of the total, the sum of the posts, could not be read; nothing was added.
    PostsUnreadable,
}

/// A value to write, with a total that only the store knows.
#[derive(Debug, Clone, Copy)]
pub struct ValueWithTotal<'a> {
    /// The other part of the total.
    pub cell: &'a Counter,
    /// The document's own part; 1 or more.
    pub own: i64,
    /// The largest total.
    pub limit: i64,
    /// The value up to the total.
    pub head: &'a [u8],
    /// The value after the total.
    pub tail: &'a [u8],
    /// The value if the total would pass its limit.
    pub otherwise: &'a [u8],
}

/// The store did not answer in time, or answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Nothing was written and nothing will be.
    #[error("storage is unavailable; nothing happened")]
    Untouched,
    /// A write was in flight: it may have landed, or may land later.
    #[error("storage is unavailable; a write may have happened")]
    Unknown,
}

/// Why an increment did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIncremented {
    /// The sum would overflow a 64-bit integer; the counter is unchanged.
    #[error("the counter would leave its range")]
    Overflow,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the bank asks of a store. Implementations live in [`crate::kv`], [`crate::redis`] and [`crate::memory`].
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait Store {
    /// The value of a document.
    ///
    /// # Errors
    /// [`Unavailable::Untouched`].
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable>;

    /// Writes a document whatever its value is. Only for values that are the same whoever writes them.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable>;

    /// Writes `next` over a document that still holds `current`.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable>;

    /// Like [`Store::swap`], if nothing of `before.absent` exists, and after all of `before.written` is stored. If
    /// something exists, it is [`Swap::Lost`], though the document may hold `current`. If something could not be
    /// stored, nothing happened.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn swap_after(
        &self,
        before: SwapPrerequisites<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        one_by_one(self, before, key, current, next).await
    }

    /// Whether a document still holds `value`, which is then as safe as an acknowledged write: needed before a value
    /// that was read becomes the answer to a write, since it may have been read before it was safe.
    ///
    /// # Errors
    ///
    /// [`Unavailable`]: it may be safe, or not.
    async fn confirm_replicated(&self, _key: &Document, _value: &[u8]) -> Result<bool, Unavailable> {
        Ok(true)
    }

    /// Writes `first` into a document that nobody has opened. The result is the same as after
    /// [`crate::first_write::open`] with `empty` and a swap. [`Swap::Lost`] if somebody has begun to open it, or if the
    /// store cannot do this in one call: then nothing was written, and the document must be opened. After an `Unknown`
    /// it may still happen as long as nobody begins.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn write_first(
        &self,
        _opening: &keys::ElectedKeys,
        _empty: &[u8],
        _first: &[u8],
    ) -> Result<Swap, Unavailable> {
        Ok(Swap::Lost(None))
    }

    /// Adds `delta` (1 or more) to the cell of `counter` unless the total (the cell and the sum of the posts under
    /// keys) would pass `limit` (0 or more), all in one call. A store whose [`Store::shares_round_trips`] is false does
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn add_to_total(
        &self,
        _counter: &keys::CounterKeys,
        _delta: i64,
        _limit: i64,
    ) -> Result<Added, Unavailable> {
        Err(Unavailable::Untouched)
    }

    /// Like [`Store::swap`], but writes the total of that moment into the value, or the other value if the total
    /// would be too large. Returns the total too. A store whose [`Store::shares_round_trips`] is false does nothing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn swap_total(
        &self,
        _key: &Document,
        _current: &[u8],
        _next: ValueWithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        Err(Unavailable::Untouched)
    }

    /// Waits after a lost swap, so that others can go first: if many compete for one document, all but one work in
    /// vain. The more requests went `together` in that swap, the shorter the wait. Returns whether it has waited, so
    /// that values read before are old.
    async fn step_aside(&self, _together: u32) -> bool {
        false
    }

    /// The value of a counter; 0 for one that was never incremented. Does not create it.
    ///
    /// # Errors
    ///
    /// [`Unavailable::Untouched`].
    async fn count(&self, key: &Counter) -> Result<i64, Unavailable>;

    /// Adds `delta` to a counter, exactly once if it answers, and returns the sum.
    ///
    /// # Errors
    ///
    /// [`NotIncremented`].
    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented>;

    /// Whether concurrent calls share one round trip, including a swap with all that comes before it.
    fn shares_round_trips(&self) -> bool {
        false
    }

    /// Adds `delta` (1 or more) to a counter unless the sum would pass `bound` (0 or more). Returns the sum; `None`
    /// if nothing was added.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable>;

    /// The elected candidate; `None` before the election.
    ///
    /// # Errors
    ///
    /// [`Unavailable::Untouched`].
    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable>;

    /// Proposes `candidate` (never 0) and returns the elected one: the same for everyone, for ever.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable>;
}

/// [`Store::swap_after`] for a store where each call is a round trip.
///
/// # Errors
///
/// [`Unavailable`].
pub async fn one_by_one<S: Store + ?Sized>(
    store: &S,
    before: SwapPrerequisites<'_>,
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
