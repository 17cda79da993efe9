//! Key-value stores: which one is behind a label, and which component may open it.
//!
//! These stores are correct where Spin's are not (docs/spin.md): a swap tells the truth, on an absent key and on
//! Redis too; incrementing a value that is no number is an error and not a panic; and if a store is away, calls
//! fail within a bounded time. Data is stored in Spin's own form, so either can take over from the other.

mod open;
pub mod reader;
pub mod redis;
pub mod sqlite;
mod store;

pub use self::open::{open, open_one};
pub use self::store::{Failure, KvStore, StoreFuture, Stores};
