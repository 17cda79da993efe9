//! What a key-value store is here: its operations, and how they answer and fail.

use futures::future::BoxFuture;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Why an operation failed. It may have been carried out all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The component gets this text.
    Reported(String),
    /// Ends the instance that called, like a trap of its own. No store does this without `fault`.
    Fatal(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(text) => f.write_str(text),
            Self::Fatal(text) => f.write_str(text),
        }
    }
}

/// The answer to an operation. Dropping the future stops the wait and does not undo the operation.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, Failure>>;

/// A key-value store. Operations of different requests run at the same time.
///
/// An operation must not wait for what another operation holds, such as a lock or a place in a buffer: while an
/// instance is in a synchronous call it polls none of its other calls, so they would hold it for ever.
pub trait KvStore: Send + Sync {
    /// The value of a key, or none.
    fn get<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>>;

    /// Sets the value of a key, whatever was there.
    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> StoreFuture<'a, ()>;

    /// Adds to a counter, which is zero if absent, and returns the sum.
    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> StoreFuture<'a, i64>;

    /// Sets the value of a key if it is `expected` (`None`: if the key is absent). Returns whether it did.
    fn swap<'a>(&'a self, key: &'a str, expected: Option<Vec<u8>>, value: Vec<u8>) -> StoreFuture<'a, bool>;

    /// The same over a connection of its own, as Spin does on Redis (docs/spin.md, fact 2). Only `fault` uses it; a
    /// store without connections swaps as usual.
    fn swap_alone<'a>(
        &'a self,
        key: &'a str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> StoreFuture<'a, bool> {
        self.swap(key, expected, value)
    }
}

/// The stores of the application by label.
pub type Stores = HashMap<String, Arc<dyn KvStore>>;
