//! Deposits and withdrawals, each exactly once.
//!
//! Commit is what a read shows (docs/money.md). Read the wallet; if the operation is in it, or in the index, it is
//! committed and that is the answer. Otherwise decide and swap, and unless the store says `Done`, start again.
//! False failures, false successes and lost answers all end well, because no answer of a swap is trusted.
//!
//! Operations on one wallet that arrive together are committed together, in one swap, in order, each with its own
//! entry and answer. What leaves the wallet is stored before the wallet that no longer holds it. The index is read
//! after the wallet, so an operation is always found in one of the two. On a store that can swap and check the
//! index in one round trip, the swap itself looks there.
//!
//! When a swap was lost, operations that have arrived meanwhile join the next one: a crowd that is spread over many
//! instances needs few swaps, each with many operations.
//!
//! A request may leave before its operation is in a swap. Then the next swap leaves it out.

mod answer;
mod commit;
mod items;
mod sealed;

use batch::Job;
use ledger::{Operation, User};
use store::{Store, Unavailable};

use crate::Error;
pub use answer::{LastKnown, OperationAnswer};
use commit::{BatchEnd, commit};
use items::Items;

/// Carries out `operation` on `user`'s wallet.
///
/// # Errors
///
/// [`Error::Unavailable`] with [`Unavailable::Unknown`] if a swap may have committed and the store does not tell;
/// with [`Unavailable::Untouched`] before any swap.
pub async fn carry_out(
    store: &impl Store,
    user: &User,
    operation: &Operation,
) -> Result<OperationAnswer, Error> {
    let job = Job::new(operation.clone());
    let mut answers = carry_out_all(store, user, &[job], &mut LastKnown::default()).await;
    answers.pop().unwrap_or(Err(Unavailable::Untouched.into()))
}

/// Carries out the operations `jobs` on `user`'s wallet, in order and together, and answers each. It starts from the
/// wallet in `seen`, if there is one, and leaves the latest one there.
pub async fn carry_out_all(
    store: &impl Store,
    user: &User,
    jobs: &[Job<Operation>],
    seen: &mut LastKnown,
) -> Vec<Result<OperationAnswer, Error>> {
    loop {
        if let Some(answers) = try_all(store, user, jobs, seen).await {
            return answers;
        }
    }
}

/// Like [`carry_out_all`]; `None` if a swap was lost and nothing has happened yet, so that others may join.
pub async fn try_all(
    store: &impl Store,
    user: &User,
    jobs: &[Job<Operation>],
    seen: &mut LastKnown,
) -> Option<Vec<Result<OperationAnswer, Error>>> {
    let mut items = Items::new(jobs);
    match commit(store, user, &mut items, seen).await {
        Ok(BatchEnd::Untouched) => None,
        Ok(BatchEnd::Answered) => Some(items.answers(&Ok(()))),
        Err(error) => Some(items.answers(&Err(error))),
    }
}

#[cfg(test)]
mod tests;
