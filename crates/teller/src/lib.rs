//! Carries operations from the rules (`ledger`) to the store (`store`) and back.
//!
//! Only this crate knows both: `ledger` stays free of I/O, and `store` free of money.
//!
//! - [`operation`]: deposits and withdrawals, each exactly once, on a store whose answers prove nothing.
//! - [`mod@batch`]: requests on one wallet in one instance are batched and committed together.
//! - [`history`]: a balance now or in the past, and the entries, newest first.
//! - [`audit`]: checks a wallet from its first entry to its last.
//! - [`verified`]: wallets that were checked, and those that an instance has used last.
//! - [`tally`]: counters that never pass their limit.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "in a test a panic is an answer")
)]

/// For a test's store: the methods that only delegate to the `store` within.
#[cfg(test)]
macro_rules! counts_and_elects_as_its_store {
    () => {
        async fn count(&self, key: &::store::Counter) -> Result<i64, ::store::Unavailable> {
            self.store.count(key).await
        }
        async fn increment(
            &self,
            key: &::store::Counter,
            delta: i64,
        ) -> Result<i64, ::store::NotIncremented> {
            self.store.increment(key, delta).await
        }
        async fn increment_within(
            &self,
            key: &::store::Counter,
            delta: i64,
            bound: i64,
        ) -> Result<Option<i64>, ::store::Unavailable> {
            self.store.increment_within(key, delta, bound).await
        }
        async fn elected(&self, key: &::store::Election) -> Result<Option<i64>, ::store::Unavailable> {
            self.store.elected(key).await
        }
        async fn elect(&self, key: &::store::Election, candidate: i64) -> Result<i64, ::store::Unavailable> {
            self.store.elect(key, candidate).await
        }
    };
}

pub mod audit;
pub mod batch;
pub mod history;

pub mod operation;
pub mod tally;
pub mod verified;

use ledger::Corrupt;
use store::{Document, Unavailable};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The idempotency key was used for a different request.
    #[error("the idempotency key was used for another request")]
    KeyReuse,
    /// The store did not answer; tells whether anything may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A stored document breaks its own rules. Nothing is built on it.
    #[error("{key}: {reason}")]
    Corrupt {
        /// Its key, for the log; never for a client.
        key: Document,
        /// What is wrong with it.
        reason: Corrupt,
    },
}

impl Error {
    /// Blames the document under `key`.
    fn at(key: &Document) -> impl FnOnce(Corrupt) -> Self {
        let key = key.clone();
        move |reason| Self::Corrupt { key, reason }
    }
}
