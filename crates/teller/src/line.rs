//! Requests on one wallet in one instance do not fight: they stand in line ([`line`]) and are committed
//! together, in one swap, in order, each with its own entry and answer. As long as there are any, each group
//! begins with what the one before left in the wallet.

use ledger::{Operation, User};
use line::Lines;
use store::{Store, Unavailable};

use crate::Error;
use crate::operation::{Answer, Seen, carry_out_all};

/// The requests of one instance, by wallet.
#[derive(Default)]
pub struct Line(Lines<User, Operation, Result<Answer, Error>, Seen>);

impl Line {
    /// Nobody is at any wallet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Lines::new())
    }

    /// Carries out `operation` on `user`'s wallet, together with what else has come for it.
    ///
    /// # Errors
    /// As [`crate::operation::carry_out`].
    pub async fn carry_out(
        &self,
        store: &impl Store,
        user: &User,
        operation: Operation,
    ) -> Result<Answer, Error> {
        let together = async |operations: Vec<Operation>, seen: &mut Seen| {
            carry_out_all(store, user, &operations, seen).await
        };
        // Who went first is gone, and may have taken this operation along.
        self.0.go(user, operation, together).await.unwrap_or(Err(Unavailable::Unknown.into()))
    }
}

#[cfg(test)]
mod tests;
