//! The port in memory: the simplest store that keeps every promise. It is for tests, and the reference for other
//! adapters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use batch::NoDeadline;

use crate::first_write::Found;
use crate::keys::ElectedKeys;
use crate::redis::model;
use crate::{
    Added, Counter, Document, Election, NotIncremented, Store, Swap, Unavailable, ValueWithTotal, keys,
};

/// A store that lives as long as this value and its clones, which share their contents.
#[derive(Debug, Default, Clone)]
pub struct Memory {
    documents: Rc<RefCell<BTreeMap<Document, Vec<u8>>>>,
    counters: Rc<RefCell<BTreeMap<Counter, i64>>>,
    elections: Rc<RefCell<BTreeMap<Election, i64>>>,
    together: bool,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose [`Store::shares_round_trips`] is true.
    #[must_use]
    pub fn with_shared_round_trips() -> Self {
        Self { together: true, ..Self::default() }
    }
}

impl NoDeadline for Memory {}

impl Store for Memory {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        Ok(self.documents.borrow().get(key).cloned())
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        self.documents.borrow_mut().insert(key.clone(), value.to_vec());
        Ok(())
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        match self.documents.borrow_mut().get_mut(key) {
            Some(value) if value == current => {
                *value = next.to_vec();
                Ok(Swap::Done)
            }
            other => Ok(Swap::Lost(other.map(|value| value.clone()))),
        }
    }

    async fn write_first(
        &self,
        opening: &ElectedKeys,
        _empty: &[u8],
        first: &[u8],
    ) -> Result<Swap, Unavailable> {
        let begun = self.get(&opening.plain()).await?.is_some()
            || self.count(&opening.tickets()).await? != 0
            || self.elected(&opening.election()).await?.is_some();
        if begun || !self.together {
            return Ok(Swap::Lost(None));
        }
        self.counters.borrow_mut().insert(opening.tickets(), 1);
        self.elections.borrow_mut().insert(opening.election(), 1);
        self.set(&opening.plain(), first).await.map(|()| Swap::Done)
    }

    fn shares_round_trips(&self) -> bool {
        self.together
    }

    async fn add_to_total(
        &self,
        counter: &keys::CounterKeys,
        delta: i64,
        limit: i64,
    ) -> Result<Added, Unavailable> {
        if !self.together {
            return Err(Unavailable::Untouched);
        }
        let (cell, posts) = (counter.cell(), counter.posts());
        let (keyed, found) = match self.elected(&posts.election()).await? {
            None => (0, None),
            Some(ticket) => {
                let key = posts.of_ticket(ticket);
                let value = self.get(&key).await?.unwrap_or_default();
                let Ok(keyed) = model::parse_sum(&value) else { return Ok(Added::PostsUnreadable) };
                (keyed, Some(Found { key, value }))
            }
        };
        let sum = self.increment_within(&cell, delta, limit.saturating_sub(keyed)).await?;
        Ok(sum.map_or(Added::OverLimit, |sum| Added::Total(sum.saturating_add(keyed), found)))
    }

    async fn swap_total(
        &self,
        key: &Document,
        current: &[u8],
        next: ValueWithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        if !self.together {
            return Err(Unavailable::Untouched);
        }
        let total = self.count(next.cell).await?.checked_add(next.own).filter(|total| *total <= next.limit);
        let value = match total {
            Some(total) => [next.head, total.to_string().as_bytes(), next.tail].concat(),
            None => next.otherwise.to_vec(),
        };
        let swap = self.swap(key, current, &value).await?;
        Ok((swap, total))
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        Ok(self.counters.borrow().get(key).copied().unwrap_or(0))
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        let mut counters = self.counters.borrow_mut();
        let number = counters.entry(key.clone()).or_default();
        *number = number.checked_add(delta).ok_or(NotIncremented::Overflow)?;
        Ok(*number)
    }

    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        let mut counters = self.counters.borrow_mut();
        let held = counters.get(key).copied().unwrap_or(0);
        let sum = held.checked_add(delta).filter(|sum| *sum <= bound);
        if let Some(sum) = sum {
            counters.insert(key.clone(), sum);
        }
        Ok(sum)
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        Ok(self.elections.borrow().get(key).copied())
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        Ok(*self.elections.borrow_mut().entry(key.clone()).or_insert(candidate))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use batch::TimedRequest as _;
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn whoever_asks_memory_has_time() {
        let store = Memory::new();
        assert_eq!(store.until(Duration::ZERO).deadline(), Duration::MAX);
        assert_eq!(block_on(store.in_time(async { 7 })), Some(7));
        store.spawn(Box::pin(async {}));
    }

    #[test]
    fn a_first_write_goes_at_once_where_nobody_has_begun() {
        let store = Memory::with_shared_round_trips();
        let opening = crate::keys::wallet("ann");
        assert_eq!(block_on(store.write_first(&opening, b"empty", b"money")), Ok(Swap::Done));
        assert_eq!(block_on(store.get(&opening.plain())), Ok(Some(b"money".to_vec())));
        assert_eq!(block_on(store.elected(&opening.election())), Ok(Some(1)));
        assert_eq!(block_on(store.write_first(&opening, b"empty", b"more")), Ok(Swap::Lost(None)));
    }

    #[test]
    fn it_goes_together_where_it_was_told_to() {
        assert!(Memory::with_shared_round_trips().shares_round_trips());
        assert!(!Memory::new().shares_round_trips());
    }
}
