//! What has happened to a wallet.

use std::collections::BTreeMap;
use std::rc::Rc;

use ledger::{Amount, Entry, Operation, OperationId, OperationKind, Outcome, User, Wallet};

use crate::call::{Value, hash_of};
use crate::task::label;

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
    /// What a reader finds.
    pub(crate) wallet: Rc<Wallet>,
    /// Its stored form.
    pub(crate) value: Option<Value>,
    pub(super) facts: u64,
}

/// What is known about an operation since it was first asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The entries that there were before.
    pub since: u64,
    /// What was asked for under this id; several things if a key was reused.
    pub requests: Vec<(OperationKind, Amount)>,
    /// What was answered first.
    pub first: Option<Outcome>,
    /// The operation, as it was asked for first.
    pub operation: Operation,
}

impl Account {
    /// A wallet that nobody has opened.
    pub(crate) fn new(user: &User) -> Self {
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

    /// Goes back to the state `then`. What was asked and answered since is kept.
    pub(crate) fn fall_back(&mut self, then: Self) {
        let mut asked = std::mem::take(&mut self.asked);
        let entries = then.entries.len() as u64;
        asked.values_mut().for_each(|asked| asked.since = asked.since.min(entries));
        *self = Self { asked, facts: self.facts, ..then };
    }

    /// Records a request.
    pub(crate) fn ask(&mut self, operation: &Operation) {
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

    /// Records an entry.
    pub(crate) fn post(&mut self, entry: &Entry) {
        self.facts ^= hash_of(&("posted", entry.hash.to_string()));
        self.seqs.insert(label(&entry.id), entry.seq);
        self.entries.push(Rc::new(entry.clone()));
    }

    /// Records an answer.
    pub(crate) fn answered(&mut self, id: &OperationId, outcome: &Outcome) {
        if let Some(asked) = self.asked.get_mut(&label(id))
            && asked.first.is_none()
        {
            self.facts ^= hash_of(&("answered", outcome.encode()));
            asked.first = Some(outcome.clone());
        }
    }
}

fn to_index(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}
