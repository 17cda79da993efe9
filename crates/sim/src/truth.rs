//! Records in the [`Model`] what really happens, whatever anybody was told.
//!
//! It sees every write take effect. To learn what a wallet is then, it asks the bank's own reader, on a copy of the
//! store that answers at once. The invariants prove that this reader is right, entry by entry, against sums and
//! hashes that are computed here in another way. Every event is shown to every invariant.

use std::rc::Rc;

use ledger::{Operation, Outcome, Tally, User, Wallet};
use store::Unavailable;
use store::first_write::{self, Found};
use store::keys::{self, ElectedKeys};
use store::kv::Kv;

use crate::call::{Key, Value};
use crate::direct::{Direct, at_once};
use crate::disk::{Disk, Written};
use crate::invariants::{Ended, Event, Violation, check};
use crate::model::Model;
use crate::planted::{Bug, BuggyRaw, BuggyStore};
use crate::task::{Answer, Task};

/// What the hash tag of a named counter begins with.
const COUNTER: &str = "counter:";

/// The truth about everything.
#[derive(Debug, Clone)]
pub struct Truth {
    bug: Option<Bug>,
    model: Model,
}

impl Truth {
    /// Nothing has happened.
    #[must_use]
    pub fn new(bug: Option<Bug>) -> Self {
        Self { bug, model: Model::default() }
    }

    /// The bug that is planted, if one is.
    #[must_use]
    pub fn bug(&self) -> Option<Bug> {
        self.bug
    }

    /// What has happened.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Records that a request begins. Returns the state of its wallet, or the acknowledged part of its counter.
    pub fn began(&mut self, task: &Task) -> i64 {
        match task {
            Task::Operate(user, operations) => {
                let account = self.model.account_mut(user);
                operations.iter().for_each(|operation| account.ask(operation));
                account.seq()
            }
            Task::Walk { user, .. } | Task::Past(user, _) => self.model.account_mut(user).seq(),
            Task::Count { counter, limit, .. } | Task::CountOnce { counter, limit, .. } => {
                let meter = self.model.meter_mut(counter);
                meter.limit = meter.limit.max(*limit);
                meter.acknowledged
            }
            Task::Total(counter) => self.model.meter_mut(counter).acknowledged,
        }
    }

    /// Records that a write of an instance that carries out `tasks` took effect. Returns which operations of each
    /// task it carried out.
    ///
    /// # Errors
    ///
    /// The [`Violation`] that it is.
    pub fn wrote(&mut self, disk: &Disk, written: &Written, tasks: &[&Task]) -> Result<Vec<u64>, Violation> {
        check(&Event::Written(written))?;
        // The request of the write may be long gone: its key tells what to check.
        let (whose, what) = keys::parts(written.key.as_str()).unwrap_or_default();
        let document = what.split(':').next().filter(|_| !what.ends_with(":tickets"));
        match (document, whose.parse(), whose.strip_prefix(COUNTER)) {
            (Some("wallet"), Ok(user), _) => self.look_at_wallet(disk, &user, tasks),
            (Some("posts"), _, Some(counter)) => self.look_at_posts(disk, counter, tasks),
            _ => Ok(vec![0; tasks.len()]),
        }
    }

    /// Records that a key was incremented, perhaps the cell of a counter.
    pub fn counted(&mut self, key: &Key, delta: i64) {
        let cell = keys::parts(key.as_str()).filter(|(_, what)| *what == "cell" && delta != 0);
        if let Some(counter) = cell.and_then(|(whose, _)| whose.strip_prefix(COUNTER)) {
            self.model.meter_mut(counter).count(delta);
        }
    }

    /// Records that a request has ended.
    ///
    /// # Errors
    /// The [`Violation`] that its answer is.
    pub fn ended(&mut self, ended: &Ended<'_>) -> Result<(), Violation> {
        check(&Event::Ended(&self.model, ended))?;
        match (ended.task, ended.answer) {
            (Task::Operate(user, operations), Answer::Operated(answers)) => {
                let account = self.model.account_mut(user);
                for (operation, answer) in operations.iter().zip(answers) {
                    if let Ok(answer) = answer {
                        account.answered(&operation.id, &answer.outcome);
                    }
                }
            }
            (Task::Count { counter, by, .. }, Answer::Counted(Ok(answer))) => {
                self.model.meter_mut(counter).acknowledge(answer.total.map_or(0, |_| *by));
            }
            (Task::CountOnce { counter, post, .. }, Answer::Counted(Ok(answer))) => {
                self.model.meter_mut(counter).answered(post.key.as_str(), post.by, answer.total);
            }
            (Task::Count { counter, .. } | Task::CountOnce { counter, .. }, answer)
                if answer.unavailable() == Some(Unavailable::Unknown) =>
            {
                self.doubt(counter);
            }
            _ => {}
        }
        Ok(())
    }

    /// Records that a request for this counter ended, and its caller does not know the outcome.
    pub fn doubt(&mut self, counter: &str) {
        self.model.meter_mut(counter).doubt = true;
    }

    /// Records that the store has gone back to the state `then`. What was asked and answered since is kept.
    ///
    /// # Errors
    ///
    /// The [`Violation`] that something acknowledged is gone.
    pub fn fall_back(&mut self, then: &Self) -> Result<(), Violation> {
        self.model.fall_back(&then.model);
        self.model.accounts().try_for_each(|account| check(&Event::FellBack(account)))?;
        self.model.meters().try_for_each(|meter| check(&Event::CountedLess(meter)))
    }

    fn look_at_wallet(&mut self, disk: &Disk, user: &User, tasks: &[&Task]) -> Result<Vec<u64>, Violation> {
        let opening = keys::wallet(user.as_str());
        let found = self.find(disk, &opening, &Wallet::new().encode(), Task::Past(user.clone(), 0));
        let value = found.map(|found| Value::from(&found.value[..]));
        let account = self.model.account_mut(user);
        if account.value == value {
            return Ok(vec![0; tasks.len()]);
        }
        let wallet = match &value {
            Some(value) => Wallet::decode(value.bytes()).map_err(|error| Violation::corrupt(&error))?,
            None => Wallet::new(),
        };
        check(&Event::Shown(account, &wallet))?;
        for entry in wallet.entries() {
            if entry.seq <= account.entries.len() as u64 {
                continue;
            }
            check(&Event::Posted(account, entry))?;
            account.post(entry);
        }
        let moved = tasks.iter().map(|task| match task {
            Task::Operate(whose, operations) if whose == user => {
                let others = tasks.iter().filter(|other| !std::ptr::eq(**other, *task));
                let others: Vec<&Task> = others.copied().collect();
                let moved =
                    |one: &Operation| account.wallet.find(&one.id).is_none() && is_of(&wallet, one, &others);
                let moved = operations.iter().map(|operation| u64::from(moved(operation)));
                moved.rev().fold(0, |mask, moved| mask << 1 | moved)
            }
            _ => 0,
        });
        let moved = moved.collect();
        account.wallet = Rc::new(wallet);
        account.value = value;
        Ok(moved)
    }

    fn look_at_posts(&mut self, disk: &Disk, counter: &str, tasks: &[&Task]) -> Result<Vec<u64>, Violation> {
        let opening = keys::counter(counter).posts();
        let found = self.find(disk, &opening, &Tally::new().encode(), Task::Total(counter.to_owned()));
        let Some(found) = found else { return Ok(vec![0; tasks.len()]) };
        let tally = Tally::decode(&found.value).map_err(|error| Violation::corrupt(&error))?;
        let meter = self.model.meter_mut(counter);
        let known = meter.posts.clone();
        let moved = tasks.iter().map(|task| {
            let Some(asked) = task.posted(counter) else { return 0 };
            let key = asked.key.as_str();
            let Some(post) = tally.find(&asked.key).filter(|_| !known.contains_key(key)) else { return 0 };
            meter.post(post);
            u64::from(post.request == asked.request)
        });
        let moved = moved.collect();
        check(&Event::Tallied(meter, &tally))?;
        if disk.flavour().goes_by_scripts() {
            for post in meter.posts.values().filter(|post| !known.contains_key(post.key.as_str())) {
                check(&Event::Kept(meter, post))?;
            }
        }
        Ok(moved)
    }

    /// What a reader finds now; `None` if it finds nothing or cannot tell.
    fn find(&self, disk: &Disk, opening: &ElectedKeys, empty: &[u8], as_for: Task) -> Option<Found> {
        let direct = Direct::on(disk);
        let found: Result<Option<Found>, Unavailable> = match self.bug {
            None => at_once(first_write::find(&Kv::new(direct), opening, empty))?,
            Some(bug) => {
                let store = BuggyStore::new(Kv::new(BuggyRaw::new(direct, bug)), bug, Rc::new(as_for));
                at_once(first_write::find(&store, opening, empty))?
            }
        };
        found.ok().flatten()
    }
}

/// Whether `wallet` has the outcome of `operation` for this request: entries are identified by their time; refusals
/// only if nobody else in the instance asks under the same id.
fn is_of(wallet: &Wallet, operation: &Operation, others: &[&Task]) -> bool {
    let asks =
        |task: &&Task| matches!(task, Task::Operate(_, all) if all.iter().any(|one| one.id == operation.id));
    match wallet.find(&operation.id) {
        Some(Outcome::Posted(entry)) => entry.at == operation.at,
        Some(Outcome::Refused(_)) => !others.iter().any(asks),
        None => false,
    }
}
