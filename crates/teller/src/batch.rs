//! Requests on one wallet in one instance do not fight: they are batched ([`batch`]) and committed
//! together, in one swap, in order, each with its own entry and answer. As long as there are any, each batch
//! begins with what the one before left in the wallet. A request whose deadline passes leaves: what it asks
//! is not begun any more, and unless it was in a swap that may have committed, nothing has happened.

use batch::{Batchers, Deadline, Job, Missed, Processed};
use ledger::{Operation, User};
use store::{Store, Unavailable};

use crate::Error;
use crate::operation::{Answer, Seen, try_all};

/// The requests of one instance, by wallet.
#[derive(Default)]
pub struct Wallets(Batchers<User, Operation, Result<Answer, Error>, Seen>);

impl Wallets {
    /// No request at any wallet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out `operation` on `user`'s wallet, together with what else has come for it.
    ///
    /// # Errors
    /// As [`crate::operation::carry_out`].
    pub async fn carry_out<S: Store + Deadline + 'static>(
        &self,
        store: &S,
        user: &User,
        operation: Operation,
    ) -> Result<Answer, Error> {
        let whose = user.clone();
        let commit = async move |jobs: Vec<Job<Operation>>, store: S, seen: &mut Seen| {
            try_all(&store, &whose, &jobs, seen).await.map_or(Processed::Retry(jobs), Processed::Answered)
        };
        match self.0.run(user, operation, store, commit).await {
            Ok(answer) => answer,
            Err(Missed::Unsent) => Err(Unavailable::Untouched.into()),
            Err(Missed::Unanswered) => Err(Unavailable::Unknown.into()),
        }
    }
}

#[cfg(test)]
mod tests;
