//! What all kinds of stores share: how one is opened, and what it has under a key.

/// What is to be done with a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// A stored value, if there is one.
pub type Stored = Option<Vec<u8>>;
