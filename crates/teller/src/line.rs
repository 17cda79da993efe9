//! Requests on one wallet in one instance do not fight: they stand in line and are committed together.
//!
//! Whoever finds nobody at a wallet goes first, alone. Whoever comes meanwhile waits; when the first is
//! done, the one that has waited longest goes with all that have come. No timer and no extra delay: the
//! batches grow with the load. A waiting request cannot wait past its deadline, since those before it
//! came before it and so have earlier ones.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ledger::{Operation, User};
use store::{Store, Unavailable};

use crate::Error;
use crate::bell::{Listener, Teller, bell};
use crate::operation::{Answer, carry_out_all};

/// The requests of one instance, by wallet. A wallet that is in the map has somebody at it.
#[derive(Default)]
pub struct Line {
    waiting: RefCell<BTreeMap<User, Vec<Waiting>>>,
}

struct Waiting {
    operation: Operation,
    turn: Teller<Turn>,
}

/// What a waiting request is told.
enum Turn {
    /// Somebody has carried it out.
    Answered(Box<Result<Answer, Error>>),
    /// It is first, and those behind it go with it.
    First(Vec<Waiting>),
}

impl Line {
    /// Nobody is at any wallet.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: RefCell::new(BTreeMap::new()) }
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
        let behind = match self.stand(user, &operation) {
            None => Vec::new(),
            Some(turn) => match turn.listen().await {
                Some(Turn::Answered(answer)) => return *answer,
                Some(Turn::First(behind)) => behind,
                // Who went first is gone, and may have taken this operation along.
                None => return Err(Unavailable::Unknown.into()),
            },
        };
        let _leave = Leave { line: self, user };
        let (mut operations, turns): (Vec<_>, Vec<_>) =
            behind.into_iter().map(|waiting| (waiting.operation, waiting.turn)).unzip();
        operations.insert(0, operation);
        let mut answers = carry_out_all(store, user, &operations).await.into_iter();
        let own = answers.next().unwrap_or(Err(Unavailable::Untouched.into()));
        for (turn, answer) in turns.into_iter().zip(answers) {
            // A request that was given up no longer listens.
            let _ = turn.tell(Turn::Answered(Box::new(answer)));
        }
        own
    }

    /// Waits behind whoever is at the wallet; `None` when nobody is.
    fn stand(&self, user: &User, operation: &Operation) -> Option<Listener<Turn>> {
        let mut waiting = self.waiting.borrow_mut();
        let Some(line) = waiting.get_mut(user) else {
            waiting.insert(user.clone(), Vec::new());
            return None;
        };
        let (turn, told) = bell();
        line.push(Waiting { operation: operation.clone(), turn });
        Some(told)
    }

    /// Lets the next one go, with all that are behind it.
    fn next(&self, user: &User) {
        let mut waiting = self.waiting.borrow_mut();
        let mut line = waiting.remove(user).unwrap_or_default();
        while !line.is_empty() {
            let first = line.remove(0);
            match first.turn.tell(Turn::First(line)) {
                Ok(()) => {
                    waiting.insert(user.clone(), Vec::new());
                    return;
                }
                // It was given up; the line comes back.
                Err(Turn::First(rest)) => line = rest,
                Err(Turn::Answered(_)) => return,
            }
        }
    }
}

/// Leaves the wallet, also when the request that is at it is given up.
struct Leave<'a> {
    line: &'a Line,
    user: &'a User,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.line.next(self.user);
    }
}

#[cfg(test)]
mod tests;
