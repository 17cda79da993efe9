//! Requests on one wallet in one instance are batched ([`batch`]): they are committed together, in one swap, in
//! order, each with its own entry and answer.
//!
//! A batch starts from the wallet that the batch before it left, as long as the instance remembers it
//! ([`RecentWallets`]). A request whose deadline passes leaves the batch. If its operation was in no swap that may
//! have committed, nothing has happened and nothing will.

use std::cell::RefCell;
use std::rc::Rc;

use batch::{Batchers, Job, Missed, Processed, TimedRequest};
use ledger::{Operation, User};
use store::{Store, Unavailable};

use crate::Error;
use crate::operation::{LastKnown, OperationAnswer, try_all};
use crate::verified::RecentWallets;

/// The requests of one instance, by wallet.
#[derive(Default)]
pub struct WalletBatches {
    /// The state of a batcher: whether the last leader left a wallet for the next one.
    batchers: Batchers<User, Operation, Result<OperationAnswer, Error>, bool>,
    recent: Rc<RefCell<RecentWallets>>,
}

impl WalletBatches {
    /// No request at any wallet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out `operation` on `user`'s wallet, together with the other operations that have arrived for it.
    ///
    /// # Errors
    ///
    /// As [`crate::operation::carry_out`].
    pub async fn carry_out<S: Store + TimedRequest + 'static>(
        &self,
        store: &S,
        user: &User,
        operation: Operation,
    ) -> Result<OperationAnswer, Error> {
        let (whose, recent) = (user.clone(), Rc::clone(&self.recent));
        let commit = async move |jobs: Vec<Job<Operation>>, store: S, is_handed_on: &mut bool| {
            let wallet = recent.borrow_mut().take(&whose);
            let mut seen = LastKnown { wallet, is_handed_on: std::mem::take(is_handed_on) };
            let answers = try_all(&store, &whose, &jobs, &mut seen).await;
            if let Some(wallet) = seen.wallet {
                recent.borrow_mut().keep(whose, wallet);
                *is_handed_on = true;
            }
            answers.map_or(Processed::Retry(jobs), Processed::Answered)
        };
        match self.batchers.run(user, operation, store, commit).await {
            Ok(answer) => answer,
            Err(Missed::Unsent) => Err(Unavailable::Untouched.into()),
            Err(Missed::Unanswered) => Err(Unavailable::Unknown.into()),
        }
    }
}

#[cfg(test)]
mod tests;
