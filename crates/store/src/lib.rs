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
mod port;
pub mod reason;
pub mod redis;
#[cfg(feature = "spin")]
pub mod spin;
pub mod trouble;

#[cfg(any(test, feature = "contract"))]
pub mod contract;

pub use keys::{Counter, Document, Election};
pub use port::{
    Added, NotIncremented, Store, Swap, SwapPrerequisites, Unavailable, ValueWithTotal, one_by_one,
};

/// Whether two documents are the same, eight bytes at a time. A component's own comparison goes byte by byte, and a
/// document is compared whenever it is read or written.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let are_same =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other);
    one.len() == other.len() && ones.iter().zip(others).all(are_same) && rest == other_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_the_same_if_no_byte_of_either_differs() {
        for length in 0..40 {
            let one: Vec<u8> = (0..length).collect();
            assert!(is_same(&one, &one.clone()));
            assert!(!is_same(&one, &[one.as_slice(), &[0]].concat()));
            for place in 0..one.len() {
                let mut other = one.clone();
                other[place] ^= 1;
                assert!(!is_same(&one, &other), "{length} bytes, another at {place}");
            }
        }
    }
}
