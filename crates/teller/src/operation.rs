//! Deposits and withdrawals, each exactly once.
//!
//! Commit is what a read shows (design section 5): read the wallet; if the operation is in it, or in
//! what was sealed from it, it is committed and that is the answer; else decide, swap, and unless the
//! store says `Done`, go round again. False failures, false successes and lost answers all come out
//! right, because no answer of a swap is taken for the truth.
//!
//! Operations on one wallet that come together are committed together, in one swap, in order, each with
//! its own entry and answer. What leaves the wallet is stored before the wallet that no longer holds it,
//! and looked for after the wallet was read: an operation is always found in one of the two. A store that
//! takes a swap and what comes before it in one round trip looks for it in the swap itself.
//!
//! Where a swap was lost, who has come meanwhile joins before the next one: a crowd that is spread over many
//! instances makes few swaps, each with many operations.
//!
//! Who asked for an operation may leave before it is in a swap; then it is left out of the next one.

use futures::future::join_all;
use ledger::{Decision, IdempotencyKey, Operation, OperationId, Outcome, Page, Seal, User, Wallet};
use line::Job;
use store::first_write::{self, Found};
use store::keys;
use store::{Before, Document, Store, Swap, Unavailable};

use crate::Error;
use crate::history::page;

/// What an operation became, and whether it had become that before this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The entry, or the refusal.
    pub outcome: Outcome,
    /// It is the answer of an earlier request under the same idempotency key.
    pub replayed: bool,
}

/// A wallet as it was after the last swap, for whoever goes next on a store where that saves a round trip. It
/// may be old by then: a swap finds out, and what needs no swap is decided on a wallet that was read after
/// everybody whom it is about had come.
pub type Seen = Option<Found>;

/// Carries out `operation` on `user`'s wallet.
///
/// # Errors
/// [`Error::Unavailable`] with [`Unavailable::Unknown`] once a swap may have committed and the store
/// does not say; with [`Unavailable::Untouched`] before that.
pub async fn carry_out(store: &impl Store, user: &User, operation: &Operation) -> Result<Answer, Error> {
    let job = Job::new(operation.clone());
    let mut answers = carry_out_all(store, user, &[job], &mut None).await;
    answers.pop().unwrap_or(Err(Unavailable::Untouched.into()))
}

/// Carries out the operations `jobs` on `user`'s wallet, in order and together, and answers each. Begins with
/// what was `seen`, if anything was, and leaves there what it saw.
pub async fn carry_out_all(
    store: &impl Store,
    user: &User,
    jobs: &[Job<Operation>],
    seen: &mut Seen,
) -> Vec<Result<Answer, Error>> {
    loop {
        if let Some(answers) = try_all(store, user, jobs, seen).await {
            return answers;
        }
    }
}

/// The same, or `None` where a swap was lost, nothing has happened yet, and others may join.
pub async fn try_all(
    store: &impl Store,
    user: &User,
    jobs: &[Job<Operation>],
    seen: &mut Seen,
) -> Option<Vec<Result<Answer, Error>>> {
    let mut items: Vec<Item<'_>> = jobs.iter().map(Item::new).collect();
    let done = match commit(store, user, &mut items, seen).await {
        Ok(Went::Again) => return None,
        Ok(Went::Done) => Ok(()),
        Err(error) => Err(error),
    };
    Some(items.into_iter().map(|item| item.conclude(&done)).collect())
}

/// How far a group has got.
enum Went {
    /// Every item has its answer.
    Done,
    /// Nothing has happened, and it can be tried again with more items.
    Again,
}

/// An operation on its way.
struct Item<'a> {
    operation: &'a Operation,
    job: &'a Job<Operation>,
    /// It is in a swap whose outcome is not known, as the entry with this number; 0 as a refusal.
    attempt: Option<u64>,
    answer: Option<Result<Answer, Error>>,
    /// The answer was read, and may be of what is not safe yet.
    is_read: bool,
}

/// Reads, decides and swaps until every item has its answer.
async fn commit(
    store: &impl Store,
    user: &User,
    items: &mut [Item<'_>],
    seen: &mut Seen,
) -> Result<Went, Error> {
    let opening = keys::wallet(user.as_str());
    let empty = Wallet::new().encode();
    let guarded = store.goes_together();
    let mut found = seen.take().filter(|_| guarded);
    let mut fresh = found.is_none();
    if fresh && guarded {
        // Where this finds nothing, the first write finds out.
        found = first_write::glance(store, &opening, &empty).await?;
        fresh = found.is_some();
    } else if fresh {
        found = first_write::find(store, &opening, &empty).await?;
    }
    // What a swap was to be written over whose outcome is not known: nothing at all, if it was the first write.
    let mut attempted: Option<Option<Vec<u8>>> = None;
    let mut indexed = false;
    loop {
        let mut wallet = read(found.as_ref())?;
        // Not for what may have happened already: the entry that it became is in no index, or has left it.
        let looks_in_the_swap = guarded && !indexed && open(items).all(|item| item.attempt.is_none());
        if looks_in_the_swap {
            recognize(&wallet, items);
        } else {
            look_up(store, user, &wallet, items).await?;
        }
        // Before anything is built on it: what becomes of the next swap says nothing of what was read.
        if !answers_are_kept(store, items, found.as_ref()).await? {
            found = first_write::find(store, &opening, &empty).await?;
            fresh = true;
            continue;
        }
        let held = found.as_ref().map(|found| &found.value);
        if attempted.as_ref().is_none_or(|over| over.as_ref() != held) {
            forget(items);
        }
        leave(items);
        let has_index = wallet.indexed() > 0;
        let seals: Vec<Seal> = std::iter::from_fn(|| wallet.seal()).collect();
        let decisions = decide(&mut wallet, items);
        if !decisions.iter().any(is_kept) {
            if !fresh {
                found = first_write::find(store, &opening, &empty).await?;
                fresh = true;
                continue;
            }
            settle(items, decisions);
            *seen = found;
            return Ok(Went::Done);
        }
        let Some(Found { key, value }) = found else {
            let first = wallet.encode();
            send(items, &decisions);
            found = match store.write_first(&opening, &empty, &first).await {
                Ok(Swap::Done) => {
                    settle(items, decisions);
                    Some(Found { key: opening.plain(), value: first })
                }
                Ok(Swap::Unknown) => {
                    attempt(items, &decisions);
                    attempted = Some(None);
                    first_write::find(store, &opening, &empty).await?
                }
                Ok(Swap::Lost(_)) => {
                    come_back(items);
                    Some(first_write::open(store, &opening, &empty).await?)
                }
                Err(unavailable) => return failed(items, &decisions, unavailable),
            };
            fresh = true;
            if open(items).next().is_none() {
                *seen = found;
                return Ok(Went::Done);
            }
            continue;
        };
        let absent = if looks_in_the_swap && has_index { index_of(user, &decisions) } else { Vec::new() };
        let before = Before { absent: &absent, written: &documents(user, &seals) };
        let next = wallet.encode();
        send(items, &decisions);
        let swap = store.swap_after(before, &key, &value, &next).await;
        let is_done = swap == Ok(Swap::Done);
        let stored = match swap {
            Ok(Swap::Done) => Some(next.clone()),
            Ok(Swap::Unknown) => {
                attempt(items, &decisions);
                attempted = Some(Some(value));
                store.get(&key).await?
            }
            Ok(Swap::Lost(holds)) => {
                indexed = holds.as_ref() == Some(&value);
                come_back(items);
                // Where the index has it nobody fights, and the wallet is not old.
                let waited =
                    !indexed && store.step_aside(u32::try_from(items.len()).unwrap_or(u32::MAX)).await;
                if !indexed && are_untouched(items) {
                    *seen = holds.filter(|_| !waited).map(|value| Found { key, value });
                    return Ok(Went::Again);
                }
                if waited { store.get(&key).await? } else { holds }
            }
            Err(unavailable) => return failed(items, &decisions, unavailable),
        };
        fresh = true;
        if !is_done && stored.as_ref() == Some(&next) {
            // An attempt that was not answered has come through. Whether it is safe nobody has said.
            attempt(items, &decisions);
            if !store.is_kept(&key, &next).await? {
                let value = store.get(&key).await?.ok_or(Unavailable::Untouched)?;
                found = Some(Found { key, value });
                continue;
            }
        }
        if stored.as_ref() == Some(&next) {
            settle(items, decisions);
            if open(items).next().is_none() {
                *seen = Some(Found { key, value: next });
                return Ok(Went::Done);
            }
        }
        found = Some(Found { key, value: stored.ok_or(Unavailable::Untouched)? });
    }
}

/// Whether the answers that were found in the wallet, or in what was sealed from it, are as safe as those of a swap
/// that is done. Where they are not, or nobody knows, there are none.
async fn answers_are_kept(
    store: &impl Store,
    items: &mut [Item<'_>],
    found: Option<&Found>,
) -> Result<bool, Error> {
    let Some(Found { key, value }) = found else { return Ok(true) };
    let mut read = items.iter_mut().filter(|item| item.is_read).peekable();
    if read.peek().is_none() {
        return Ok(true);
    }
    let kept = store.is_kept(key, value).await;
    for item in read {
        item.is_read = false;
        item.answer.take_if(|_| kept != Ok(true));
    }
    Ok(kept?)
}

/// The wallet as it is stored; a new one where nothing is.
pub(crate) fn read(found: Option<&Found>) -> Result<Wallet, Error> {
    found.map_or_else(
        || Ok(Wallet::new()),
        |found| Wallet::decode(&found.value).map_err(Error::at(&found.key)),
    )
}

/// The items that have no answer yet.
fn open<'a, 'b>(items: &'a mut [Item<'b>]) -> impl Iterator<Item = &'a mut Item<'b>> {
    items.iter_mut().filter(|item| item.answer.is_none())
}

fn is_kept(decision: &Decision) -> bool {
    matches!(decision, Decision::New(outcome) if outcome.is_kept())
}

/// Notes that what was decided may be about to happen.
fn attempt(items: &mut [Item<'_>], decisions: &[Decision]) {
    for (item, decision) in open(items).zip(decisions) {
        item.attempt = written(decision);
    }
}

/// What the swap would write: the entry with this number; 0 for a refusal.
fn written(decision: &Decision) -> Option<u64> {
    match decision {
        // Known is what comes twice in one batch: it happens, or does not, with its twin.
        Decision::New(outcome) | Decision::Known(outcome) if outcome.is_kept() => {
            Some(outcome.entry().map_or(0, |entry| entry.seq))
        }
        _ => None,
    }
}

/// A swap was not answered.
fn failed(items: &mut [Item<'_>], decisions: &[Decision], unavailable: Unavailable) -> Result<Went, Error> {
    if unavailable == Unavailable::Unknown {
        attempt(items, decisions);
    }
    come_back(items);
    Err(unavailable.into())
}

/// What the items become that find room in the wallet, in order; the others come next time.
fn decide(wallet: &mut Wallet, items: &mut [Item<'_>]) -> Vec<Decision> {
    let operations = open(items).map(|item| item.operation);
    operations
        .map_while(|operation| wallet.has_room_for(&operation.id).then(|| wallet.decide(operation)))
        .collect()
}

/// Notes that what was attempted has not happened and never will: the value that it was to be written
/// over has gone, and the operations are not in what came after.
fn forget(items: &mut [Item<'_>]) {
    open(items).for_each(|item| item.attempt = None);
    come_back(items);
}

/// Answers the items whose requests have left. Whether they do is asked here and nowhere else: between this
/// and the swap nothing is waited for.
fn leave(items: &mut [Item<'_>]) {
    for item in open(items).filter(|item| item.job.is_taken_back()) {
        item.answer = Some(Err(Unavailable::Untouched.into()));
    }
}

/// Notes that what was decided is about to be sent: who leaves now does not know what becomes of it.
fn send(items: &mut [Item<'_>], decisions: &[Decision]) {
    for (item, _) in open(items).zip(decisions).filter(|(_, decision)| written(decision).is_some()) {
        item.job.sends();
    }
}

/// Whether nothing has become of any item, unless its request has left.
fn are_untouched(items: &[Item<'_>]) -> bool {
    items.iter().all(|item| item.attempt.is_none() && (item.answer.is_none() || item.job.is_taken_back()))
}

/// Notes that a swap was not carried out: what was in no other one may be left again.
fn come_back(items: &mut [Item<'_>]) {
    open(items).filter(|item| item.attempt.is_none()).for_each(|item| item.job.comes_back());
}

/// What was decided has happened.
fn settle(items: &mut [Item<'_>], decisions: Vec<Decision>) {
    for (item, decision) in open(items).zip(decisions) {
        item.answer = Some(match decision {
            Decision::New(outcome) => Ok(Answer { outcome, replayed: false }),
            Decision::Known(outcome) => Ok(Answer { outcome, replayed: true }),
            Decision::KeyReuse => Err(Error::KeyReuse),
        });
    }
}

/// Answers the items that are in the wallet. Of the others nothing is known.
fn recognize(wallet: &Wallet, items: &mut [Item<'_>]) {
    for item in open(items) {
        let outcome = wallet.find(&item.operation.id).cloned();
        item.answer = outcome.map(|outcome| answer(outcome, item.operation, item.attempt));
        item.is_read = item.answer.is_some();
    }
}

/// Answers the items that are in the wallet, or in what was sealed from it. The others have not happened
/// yet.
async fn look_up(
    store: &impl Store,
    user: &User,
    wallet: &Wallet,
    items: &mut [Item<'_>],
) -> Result<(), Error> {
    let outcomes = join_all(open(items).map(|item| item.look_up(store, user, wallet))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (item, outcome) in open(items).zip(outcomes) {
        item.answer = outcome.map(|outcome| answer(outcome, item.operation, item.attempt));
        item.is_read = item.answer.is_some();
    }
    Ok(())
}

impl<'a> Item<'a> {
    fn new(job: &'a Job<Operation>) -> Self {
        Self { operation: &job.what, job, attempt: None, answer: None, is_read: false }
    }

    async fn look_up(
        &self,
        store: &impl Store,
        user: &User,
        wallet: &Wallet,
    ) -> Result<Option<Outcome>, Error> {
        if let Some(outcome) = wallet.find(&self.operation.id) {
            return Ok(Some(outcome.clone()));
        }
        match (&self.operation.id, self.attempt) {
            (OperationId::Keyed(key), _) if wallet.indexed() > 0 => indexed(store, user, key).await,
            (OperationId::Made(_), Some(seq)) if seq <= wallet.base().seq => {
                sealed(store, user, seq, self.operation).await
            }
            _ => Ok(None),
        }
    }

    /// The item's answer, where `done` tells why there may be none.
    fn conclude(self, done: &Result<(), Error>) -> Result<Answer, Error> {
        match (self.answer, done) {
            (Some(answer), _) => answer,
            (None, Err(Error::Unavailable(_)) | Ok(())) => Err(match self.attempt {
                Some(_) => Unavailable::Unknown.into(),
                None => Unavailable::Untouched.into(),
            }),
            (None, Err(error)) => Err(error.clone()),
        }
    }
}

/// What an idempotency key became, after it left the wallet.
async fn indexed(store: &impl Store, user: &User, key: &IdempotencyKey) -> Result<Option<Outcome>, Error> {
    let document = keys::operation(user.as_str(), key.as_str());
    let stored = store.get(&document).await?;
    stored.map(|bytes| Outcome::decode(&bytes).map_err(Error::at(&document))).transpose()
}

/// An operation without a key is in no index. But it is known which entry it would have become.
async fn sealed(
    store: &impl Store,
    user: &User,
    seq: u64,
    operation: &Operation,
) -> Result<Option<Outcome>, Error> {
    let page = page(store, user, Page::number_of(seq)).await?;
    let entry = page.entries().find(|entry| entry.seq == seq && entry.id == operation.id);
    Ok(entry.cloned().map(Outcome::Posted))
}

/// The answer to `operation`, which `outcome` was found for.
fn answer(outcome: Outcome, operation: &Operation, attempt: Option<u64>) -> Result<Answer, Error> {
    let own = attempt.is_some() && outcome.entry().is_none_or(|entry| entry.at == operation.at);
    match outcome.answer(operation) {
        Decision::Known(outcome) | Decision::New(outcome) => Ok(Answer { outcome, replayed: !own }),
        Decision::KeyReuse => Err(Error::KeyReuse),
    }
}

/// Where the index would have what is decided here for the first time.
fn index_of(user: &User, decisions: &[Decision]) -> Vec<Document> {
    let new = decisions.iter().filter_map(|decision| match decision {
        Decision::New(outcome) => outcome.id().key(),
        Decision::Known(_) | Decision::KeyReuse => None,
    });
    new.map(|key| keys::operation(user.as_str(), key.as_str())).collect()
}

/// What leaves the wallet, all of it committed, as it is stored.
fn documents(user: &User, seals: &[Seal]) -> Vec<(Document, Vec<u8>)> {
    let page = |page: &Page| (keys::page(user.as_str(), page.number()), page.encode());
    let operation = |outcome: &Outcome| {
        let key = outcome.id().key()?;
        Some((keys::operation(user.as_str(), key.as_str()), outcome.encode()))
    };
    let of = |seal: &Seal| {
        let outcomes = seal.outcomes.iter().filter_map(operation);
        seal.page.iter().map(page).chain(outcomes).collect::<Vec<_>>()
    };
    seals.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests;
