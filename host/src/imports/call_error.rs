//! How a component's call fails: it returns an error to the component, or it ends the instance.

use crate::kv::Failure;
use wasmtime::format_err;

/// Why a call failed.
#[derive(Debug)]
pub enum CallError<E> {
    /// The component gets this error.
    Reported(E),
    /// The instance ends.
    Trap(&'static str),
}

impl<E> CallError<E> {
    /// The error for the component, or the trap.
    pub fn convert(self) -> wasmtime::Result<E> {
        match self {
            Self::Reported(error) => Ok(error),
            Self::Trap(why) => Err(format_err!("{why}")),
        }
    }

    /// Converts a store's failure; `words` makes the interface's error from its text.
    pub fn of(failure: Failure, words: impl FnOnce(String) -> E) -> Self {
        match failure {
            Failure::Reported(text) => Self::Reported(words(text)),
            Failure::Fatal(why) => Self::Trap(why),
        }
    }
}

impl<E> From<E> for CallError<E> {
    fn from(error: E) -> Self {
        Self::Reported(error)
    }
}
