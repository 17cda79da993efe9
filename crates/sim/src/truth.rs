//! The model that knows the truth: what has really happened, whatever anybody was told.
//!
//! It watches every write take effect. What a wallet *is* it asks the bank's own reader, on a copy of the
//! store that answers at once; that the reader is right is what the invariants prove, entry by
//! entry, against sums and hashes computed here by other means. Each thing seen is shown to every
//! invariant.

use std::collections::BTreeMap;
use std::rc::Rc;

use ledger::{Amount, Entry, Kind, Operation, OperationId, Outcome, Post, Tally, User, Wallet};
use store::Unavailable;
use store::first_write::{self, Found};
use store::keys::{self, Opening};
use store::kv::Kv;

/// What the hash tag of a named counter begins with.
const COUNTER: &str = "counter:";

use crate::call::{Key, Value, hash_of};
use crate::direct::{Direct, at_once};
use crate::disk::{Disk, Written};
use crate::invariants::{Seen, Violation, check};
use crate::planted::{Bug, Crooked, CrookedRaw};
use crate::task::{Answer, Task, label};

/// What is known of an operation, from the first time that it was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The entries that there were before.
    pub since: u64,
    /// What was asked for under this id; more than one thing where a key was used again.
    pub requests: Vec<(Kind, Amount)>,
    /// What was answered first.
    pub first: Option<Outcome>,
    /// The operation, as it was asked for first.
    pub operation: Operation,
}

/// The truth about a wallet.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub user: User,
    /// Every entry there ever was, oldest first.
    pub entries: Vec<Rc<Entry>>,
    /// The sequence number of every operation that became an entry.
    pub seqs: BTreeMap<String, u64>,
    /// Every operation that was asked for.
    pub asked: BTreeMap<String, Asked>,
    wallet: Rc<Wallet>,
    value: Option<Value>,
    facts: u64,
}

/// The truth about a counter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// Its name.
    pub counter: String,
    /// The largest total that was asked for.
    pub limit: i64,
    /// The sum of all increments of its cell.
    pub cell: i64,
    /// What every key became.
    pub posts: BTreeMap<String, Post>,
    /// The first answer under every key.
    pub firsts: BTreeMap<String, Option<i64>>,
    /// What callers were told was added.
    pub acknowledged: i64,
    /// A request ended without an answer: what it added is in doubt.
    pub doubt: bool,
    facts: u64,
}

/// The truth about everything.
#[derive(Debug, Clone)]
pub struct Truth {
    bug: Option<Bug>,
    accounts: BTreeMap<User, Rc<Account>>,
    meters: BTreeMap<String, Rc<Meter>>,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was asked.
    pub task: &'a Task,
    /// What was answered.
    pub answer: &'a Answer,
    /// Where the wallet stood, or what the counter had acknowledged, when the request began.
    pub began: i64,
    /// Which of its operations a write of the request carried out, one bit for each.
    pub moved: u64,
    /// The sum of the request's increments of a counter's cell.
    pub net: i64,
    /// The totals that the counter has had since a post without a key took effect; of one that a script has
    /// added, the one right after it.
    pub totals: &'a [i64],
}

impl Truth {
    /// Nothing has happened.
    #[must_use]
    pub fn new(bug: Option<Bug>) -> Self {
        Self { bug, accounts: BTreeMap::new(), meters: BTreeMap::new() }
    }

    /// The bug that is planted, if one is.
    #[must_use]
    pub fn bug(&self) -> Option<Bug> {
        self.bug
    }

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

    /// A request begins. Says where its wallet stands, or what its counter has acknowledged.
    pub fn began(&mut self, task: &Task) -> i64 {
        match task {
            Task::Operate(user, operations) => {
                let account = self.account_mut(user);
                operations.iter().for_each(|operation| account.ask(operation));
                account.seq()
            }
            Task::Walk { user, .. } | Task::Past(user, _) => self.account_mut(user).seq(),
            Task::Count { counter, limit, .. } | Task::CountOnce { counter, limit, .. } => {
                let meter = self.meter_mut(counter);
                meter.limit = meter.limit.max(*limit);
                meter.acknowledged
            }
            Task::Total(counter) => self.meter_mut(counter).acknowledged,
        }
    }

    /// A write of an instance that carries out `tasks` has taken effect. Says which operations of each that
    /// carried out.
    ///
    /// # Errors
    /// The [`Violation`] that it is.
    pub fn wrote(&mut self, disk: &Disk, written: &Written, tasks: &[&Task]) -> Result<Vec<u64>, Violation> {
        check(&Seen::Written(written))?;
        // The write may be on behalf of somebody who is long gone: the key tells what to look at.
        let (whose, what) = keys::parts(written.key.as_str()).unwrap_or_default();
        let document = what.split(':').next().filter(|_| !what.ends_with(":tickets"));
        match (document, whose.parse(), whose.strip_prefix(COUNTER)) {
            (Some("wallet"), Ok(user), _) => self.look_at_wallet(disk, &user, tasks),
            (Some("posts"), _, Some(counter)) => self.look_at_posts(disk, counter, tasks),
            _ => Ok(vec![0; tasks.len()]),
        }
    }

    /// A key was incremented, perhaps the cell of a counter.
    pub fn counted(&mut self, key: &Key, delta: i64) {
        let cell = keys::parts(key.as_str()).filter(|(_, what)| *what == "cell" && delta != 0);
        if let Some(counter) = cell.and_then(|(whose, _)| whose.strip_prefix(COUNTER)) {
            let meter = self.meter_mut(counter);
            meter.cell = meter.cell.wrapping_add(delta);
            meter.facts ^= hash_of(&("cell", meter.cell));
        }
    }

    /// A request has ended.
    ///
    /// # Errors
    /// The [`Violation`] that its answer is.
    pub fn ended(&mut self, ended: &Ended<'_>) -> Result<(), Violation> {
        check(&Seen::Ended(self, ended))?;
        match (ended.task, ended.answer) {
            (Task::Operate(user, operations), Answer::Operated(answers)) => {
                let account = self.account_mut(user);
                for (operation, answer) in operations.iter().zip(answers) {
                    if let Ok(answer) = answer {
                        account.answered(&operation.id, &answer.outcome);
                    }
                }
            }
            (Task::Count { counter, by, .. }, Answer::Counted(Ok(answer))) => {
                self.meter_mut(counter).acknowledge(answer.total.map_or(0, |_| *by));
            }
            (Task::CountOnce { counter, post, .. }, Answer::Counted(Ok(answer))) => {
                self.meter_mut(counter).answered(post.key.as_str(), post.by, answer.total);
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

    /// A request for this counter ended, and its caller does not know how.
    pub fn doubt(&mut self, counter: &str) {
        self.meter_mut(counter).doubt = true;
    }

    /// The store has gone back to what it was when this was `then`. What has been asked for and answered since is
    /// remembered.
    ///
    /// # Errors
    /// The [`Violation`] that something acknowledged is gone.
    pub fn fall_back(&mut self, then: &Self) -> Result<(), Violation> {
        for (user, account) in &mut self.accounts {
            let then = then.account(user).cloned().unwrap_or_else(|| Account::new(user));
            Rc::make_mut(account).fall_back(then);
            check(&Seen::FellBack(account))?;
        }
        for (counter, meter) in &mut self.meters {
            let then = then.meter(counter).cloned().unwrap_or_else(|| Meter::new(counter));
            Rc::make_mut(meter).fall_back(then);
            check(&Seen::CountedLess(meter))?;
        }
        Ok(())
    }

    /// Where the wallet or the counter of a task stands: as [`Truth::began`] says it.
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

    /// The same number for the same truth, in whatever order it came about.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let accounts = self.accounts().map(|account| account.facts);
        let meters = self.meters().map(|meter| hash_of(&(meter.facts, meter.cell, meter.doubt)));
        hash_of(&accounts.chain(meters).collect::<Vec<_>>())
    }

    fn look_at_wallet(&mut self, disk: &Disk, user: &User, tasks: &[&Task]) -> Result<Vec<u64>, Violation> {
        let opening = keys::wallet(user.as_str());
        let found = self.find(disk, &opening, &Wallet::new().encode(), Task::Past(user.clone(), 0));
        let value = found.map(|found| Value::from(&found.value[..]));
        let account = self.account_mut(user);
        if account.value == value {
            return Ok(vec![0; tasks.len()]);
        }
        let wallet = match &value {
            Some(value) => Wallet::decode(value.bytes()).map_err(|error| Violation::corrupt(&error))?,
            None => Wallet::new(),
        };
        check(&Seen::Shown(account, &wallet))?;
        for entry in wallet.entries() {
            if to_index(entry.seq) <= account.entries.len() {
                continue;
            }
            check(&Seen::Posted(account, entry))?;
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
        let meter = self.meter_mut(counter);
        let known = meter.posts.clone();
        let moved = tasks.iter().map(|task| {
            let Some(asked) = task.posted(counter) else { return 0 };
            let key = asked.key.as_str();
            let Some(post) = tally.find(&asked.key).filter(|_| !known.contains_key(key)) else { return 0 };
            if meter.posts.insert(key.to_owned(), post.clone()).is_none() {
                meter.facts ^= hash_of(&("post", post.encode()));
            }
            u64::from(post.request == asked.request)
        });
        let moved = moved.collect();
        check(&Seen::Tallied(meter, &tally))?;
        if disk.flavour().goes_by_scripts() {
            for post in meter.posts.values().filter(|post| !known.contains_key(post.key.as_str())) {
                check(&Seen::Kept(meter, post))?;
            }
        }
        Ok(moved)
    }

    /// What a reader who comes now finds; `None` where it finds nothing or cannot tell.
    fn find(&self, disk: &Disk, opening: &Opening, empty: &[u8], as_for: Task) -> Option<Found> {
        let direct = Direct::on(disk);
        let found: Result<Option<Found>, Unavailable> = match self.bug {
            None => at_once(first_write::find(&Kv::new(direct), opening, empty))?,
            Some(bug) => {
                let store = Crooked::new(Kv::new(CrookedRaw::new(direct, bug)), bug, Rc::new(as_for));
                at_once(first_write::find(&store, opening, empty))?
            }
        };
        found.ok().flatten()
    }

    fn account_mut(&mut self, user: &User) -> &mut Account {
        let account = self.accounts.entry(user.clone()).or_insert_with(|| Rc::new(Account::new(user)));
        Rc::make_mut(account)
    }

    fn meter_mut(&mut self, counter: &str) -> &mut Meter {
        let meter = self.meters.entry(counter.to_owned()).or_insert_with(|| Rc::new(Meter::new(counter)));
        Rc::make_mut(meter)
    }
}

impl Account {
    fn new(user: &User) -> Self {
        Self {
            user: user.clone(),
            entries: Vec::new(),
            seqs: BTreeMap::new(),
            asked: BTreeMap::new(),
            wallet: Rc::new(Wallet::new()),
            value: None,
            facts: 0,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn seq(&self) -> i64 {
        i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }

    /// The entry with this sequence number.
    #[must_use]
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(to_index(seq).checked_sub(1)?).map(Rc::as_ref)
    }

    fn fall_back(&mut self, then: Self) {
        let mut asked = std::mem::take(&mut self.asked);
        let entries = then.entries.len() as u64;
        asked.values_mut().for_each(|asked| asked.since = asked.since.min(entries));
        *self = Self { asked, facts: self.facts, ..then };
    }

    fn ask(&mut self, operation: &Operation) {
        let since = self.entries.len() as u64;
        let (id, request) = (label(&operation.id), (operation.kind, operation.amount));
        let asked = self.asked.entry(id.clone()).or_insert_with(|| Asked {
            since,
            requests: Vec::new(),
            first: None,
            operation: operation.clone(),
        });
        if asked.requests.is_empty() {
            self.facts ^= hash_of(&("asked", &id, since));
        }
        if !asked.requests.contains(&request) {
            asked.requests.push(request);
            self.facts ^= hash_of(&("for", id, request.0.as_str(), request.1.units()));
        }
    }

    fn post(&mut self, entry: &Entry) {
        self.facts ^= hash_of(&("posted", entry.hash.to_string()));
        self.seqs.insert(label(&entry.id), entry.seq);
        self.entries.push(Rc::new(entry.clone()));
    }

    fn answered(&mut self, id: &OperationId, outcome: &Outcome) {
        if let Some(asked) = self.asked.get_mut(&label(id))
            && asked.first.is_none()
        {
            self.facts ^= hash_of(&("answered", outcome.encode()));
            asked.first = Some(outcome.clone());
        }
    }
}

impl Meter {
    fn new(counter: &str) -> Self {
        Self {
            counter: counter.to_owned(),
            limit: 0,
            cell: 0,
            posts: BTreeMap::new(),
            firsts: BTreeMap::new(),
            acknowledged: 0,
            doubt: false,
            facts: 0,
        }
    }

    fn fall_back(&mut self, then: Self) {
        self.cell = then.cell;
        self.posts = then.posts;
    }

    /// What counts under keys.
    #[must_use]
    pub fn keyed(&self) -> i64 {
        self.posts.values().filter(|post| post.total.is_some()).map(|post| post.by).sum()
    }

    /// What it is in all.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.cell.saturating_add(self.keyed())
    }

    /// Where each call stands alone, a post with a key and one without may pass the largest number together; the
    /// bank's total stays there.
    fn acknowledge(&mut self, by: i64) {
        self.acknowledged = self.acknowledged.saturating_add(by);
        self.facts ^= hash_of(&("acknowledged", self.acknowledged));
    }

    fn answered(&mut self, key: &str, by: i64, total: Option<i64>) {
        if self.firsts.insert(key.to_owned(), total).is_none() {
            self.facts ^= hash_of(&("first", key, total));
            self.acknowledge(total.map_or(0, |_| by));
        }
    }
}

/// Whether `wallet` holds what became of `operation` as this request asked for it: entries tell by their time;
/// of refusals it is said only where nobody else at the instance asks under the same id.
fn is_of(wallet: &Wallet, operation: &Operation, others: &[&Task]) -> bool {
    let asks =
        |task: &&Task| matches!(task, Task::Operate(_, all) if all.iter().any(|one| one.id == operation.id));
    match wallet.find(&operation.id) {
        Some(Outcome::Posted(entry)) => entry.at == operation.at,
        Some(Outcome::Refused(_)) => !others.iter().any(asks),
        None => false,
    }
}

fn to_index(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}
