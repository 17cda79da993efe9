//! Names, keys, amounts and times for the simulator, which are valid by construction.

#![allow(clippy::expect_used, reason = "literals of this crate: one that is malformed has to stop it")]

use ledger::{Amount, Operation, OperationId, OperationKind, Timestamp, User};

use crate::task::Task;

/// A user.
#[must_use]
pub fn user(name: &str) -> User {
    name.parse().expect("a user's name")
}

/// An amount.
#[must_use]
pub fn amount(text: &str) -> Amount {
    text.parse().expect("an amount")
}

/// A moment.
#[must_use]
pub fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// An idempotency key.
#[must_use]
pub fn keyed(key: &str) -> OperationId {
    OperationId::Keyed(key.parse().expect("an idempotency key"))
}

/// An id that the server made.
#[must_use]
pub fn made(id: &str) -> OperationId {
    OperationId::Made(id.to_owned())
}

/// A deposit to ann's wallet.
#[must_use]
pub fn deposit(id: OperationId, text: &str) -> Task {
    operate(id, OperationKind::Deposit, text)
}

/// A withdrawal from ann's wallet.
#[must_use]
pub fn withdrawal(id: OperationId, text: &str) -> Task {
    operate(id, OperationKind::Withdrawal, text)
}

fn operate(id: OperationId, kind: OperationKind, text: &str) -> Task {
    let at = moment("2026-11-20T18:00:00.123Z");
    Task::Operate(user("ann"), vec![Operation { id, kind, amount: amount(text), at }])
}

/// What several tasks ask of ann's wallet, as one instance carries it out together.
#[must_use]
pub fn together(tasks: Vec<Task>) -> Task {
    let operations = tasks.into_iter().flat_map(|task| match task {
        Task::Operate(_, operations) => operations,
        _ => Vec::new(),
    });
    Task::Operate(user("ann"), operations.collect())
}
