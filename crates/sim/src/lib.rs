//! A deterministic simulator of the bank on Spin's stores (docs/money.md).
//!
//! The real code of `ledger`, `store` (both adapters, the breaker and the first write) and `teller` runs against a
//! simulated Spin key-value store, or a simulated Redis. Anything can happen between two raw calls: other clients,
//! lost replies, writes that land long after, deadlines, crashes. A model records what really happens, and the
//! invariants check it.
//!
//! The simulator has an explorer of its own, because faults and schedules must be one search. `shuttle` explores
//! schedules exhaustively but refuses random data there, so faults could not be enumerated. `stateright` would
//! prove a model of the code and not the code. `proptest-state-machine` runs operations one after the other and
//! reaches no interleaving inside one.
//!
//! - The seam: [`call`], [`raw`] (the bank's side), [`disk`] (what a store holds, quirks included), [`cluster`]
//!   (which node has what).
//! - [`world`]: the world that lies. [`mind`]: a running instance that can be copied.
//! - [`task`], [`workload`], [`cases`]: what callers ask for, at random and in small cases.
//! - [`truth`] records what really happens in the [`model`]; [`rest`] checks the end; [`invariants`] are what must
//!   hold.
//! - [`run`], [`exhaustive`]: the two explorers. [`shrink`], [`story`]: how they show a failure.
//! - [`planted`], [`hunt`]: the proof of the proof.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "it counts steps; an overflow, which the profile checks, may stop a simulation"
)]

pub mod call;
pub mod cases;
pub mod cluster;
pub mod direct;
pub mod disk;
pub mod exhaustive;
pub mod hunt;
pub mod invariants;
pub mod mind;
pub mod model;
pub mod planted;
pub mod random;
pub mod raw;
pub mod rest;
pub mod run;
pub mod shrink;
pub mod story;
pub mod task;
pub mod truth;
pub mod words;
pub mod workload;
pub mod world;
