//! What an invariant is, and how one is declared.

use std::fmt;

use super::event::Event;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's sentence.
    pub sentence: &'static str,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken: {}\n  seen: {}", self.sentence, self.seen)
    }
}

/// The result of a check: success, or what was seen instead.
pub type Verdict = Result<(), String>;

/// A sentence that must hold.
pub trait Invariant {
    /// The sentence.
    fn sentence(&self) -> &'static str;

    /// Looks at something that happened.
    ///
    /// # Errors
    /// What was seen instead.
    fn check(&self, seen: &Event<'_>) -> Verdict;
}

/// `Err(says)` unless `holds`.
pub(super) fn must(holds: bool, says: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(says()) }
}

/// Declares an invariant: its type, its sentence, and what it looks at.
macro_rules! invariant {
    ($(#[$doc:meta])* $name:ident: $sentence:literal, $seen:ident => $check:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl $crate::invariants::invariant::Invariant for $name {
            fn sentence(&self) -> &'static str {
                $sentence
            }

            fn check(
                &self,
                $seen: &$crate::invariants::event::Event<'_>,
            ) -> $crate::invariants::invariant::Verdict {
                $check
            }
        }
    };
}
pub(super) use invariant;
