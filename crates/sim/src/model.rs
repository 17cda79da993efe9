//! The record of what has really happened, written by [`crate::truth`] and read by invariants: wallets and
//! counters, what was asked of them and what was answered.

mod account;
mod meter;

use std::collections::BTreeMap;
use std::rc::Rc;

use ledger::User;

use crate::call::hash_of;
use crate::task::Task;

pub use account::{Account, Asked};
pub use meter::Meter;

/// All wallets and counters.
#[derive(Debug, Clone, Default)]
pub struct Model {
    accounts: BTreeMap<User, Rc<Account>>,
    meters: BTreeMap<String, Rc<Meter>>,
}

impl Model {
    /// All wallets.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().map(Rc::as_ref)
    }

    /// All counters.
    pub fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.meters.values().map(Rc::as_ref)
    }

    /// One user's wallet.
    #[must_use]
    pub fn account(&self, user: &User) -> Option<&Account> {
        self.accounts.get(user).map(Rc::as_ref)
    }

    /// One counter.
    #[must_use]
    pub fn meter(&self, counter: &str) -> Option<&Meter> {
        self.meters.get(counter).map(Rc::as_ref)
    }

    /// The state of the wallet or the counter of a task, as in [`crate::truth::Truth::began`].
    #[must_use]
    pub fn stands(&self, task: &Task) -> i64 {
        match task {
            Task::Operate(user, _) | Task::Walk { user, .. } | Task::Past(user, _) => {
                self.account(user).map_or(0, Account::seq)
            }
            Task::Count { counter, .. } | Task::CountOnce { counter, .. } | Task::Total(counter) => {
                self.meter(counter).map_or(0, |meter| meter.acknowledged)
            }
        }
    }

    /// A number that is the same for the same truth, in whatever order it came about.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let accounts = self.accounts().map(|account| account.facts);
        let meters = self.meters().map(|meter| hash_of(&(meter.facts, meter.cell, meter.doubt)));
        hash_of(&accounts.chain(meters).collect::<Vec<_>>())
    }

    /// Goes back to the state `then`. What was asked and answered since is kept.
    pub(crate) fn fall_back(&mut self, then: &Self) {
        for (user, account) in &mut self.accounts {
            let then = then.account(user).cloned().unwrap_or_else(|| Account::new(user));
            Rc::make_mut(account).fall_back(then);
        }
        for (counter, meter) in &mut self.meters {
            let then = then.meter(counter).cloned().unwrap_or_else(|| Meter::new(counter));
            Rc::make_mut(meter).fall_back(then);
        }
    }

    /// One user's wallet, to change it.
    pub(crate) fn account_mut(&mut self, user: &User) -> &mut Account {
        let account = self.accounts.entry(user.clone()).or_insert_with(|| Rc::new(Account::new(user)));
        Rc::make_mut(account)
    }

    /// One counter, to change it.
    pub(crate) fn meter_mut(&mut self, counter: &str) -> &mut Meter {
        let meter = self.meters.entry(counter.to_owned()).or_insert_with(|| Rc::new(Meter::new(counter)));
        Rc::make_mut(meter)
    }
}
