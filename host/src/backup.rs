//! `bank export`, `bank import` and `bank verify --all`: commands that work on a whole store rather than on one
//! wallet.
//!
//! An export reads while banks are running. An import writes into a store that nobody uses yet. Of the application
//! these commands know what `crates/teller` and `crates/backup` say about wallets and counters, and nothing about
//! its components. The memory that they need does not grow with the store. `docs/backup.md` has the promises.

pub mod cli;
mod export;
mod folder;
mod import;
mod origin;
mod reporter;
mod s3;
mod sorted;
mod store;
mod target;
pub mod unfinished;
mod walk;

pub use export::export;
pub use import::import;
pub use walk::verify_all;
