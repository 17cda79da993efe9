//! How a component's call fails: it returns an error to the component, or it ends the instance.

use crate::kv::Failure;
use wasmtime::format_err;

/// Why a call failed.
#[derive(Debug)]
pub enum Fails<E> {
    /// The component is told.
    Told(E),
    /// The instance ends.
    Traps(&'static str),
}

impl<E> Fails<E> {
    /// What is told, or the trap.
    pub fn convert(self) -> wasmtime::Result<E> {
        match self {
            Self::Told(error) => Ok(error),
            Self::Traps(why) => Err(format_err!("{why}")),
        }
    }

    /// Converts a store's failure; `words` makes the interface's error from its text.
    pub fn of(failure: Failure, words: impl FnOnce(String) -> E) -> Self {
        match failure {
            Failure::Told(text) => Self::Told(words(text)),
            Failure::Fatal(why) => Self::Traps(why),
        }
    }
}

impl<E> From<E> for Fails<E> {
    fn from(error: E) -> Self {
        Self::Told(error)
    }
}
