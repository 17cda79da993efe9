//! An older state of the store.

use crate::disk::Disk;
use crate::truth::Truth;

/// What the replica has.
#[derive(Debug, Clone)]
pub struct Replica {
    pub disk: Disk,
    pub truth: Truth,
    /// How many writes that are.
    pub writes: u64,
}
