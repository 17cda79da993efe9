//! One deposit or withdrawal, exactly once.
//!
//! Commit is what a read shows (design section 5): read the wallet; if the operation is in it, or in
//! what was sealed from it, it is committed and that is the answer; else decide, swap, and unless the
//! store says `Done`, go round again. False failures, false successes and lost answers all come out
//! right, because no answer of a swap is taken for the truth.
//!
//! What leaves the wallet is stored before the wallet that no longer holds it, and looked for after
//! the wallet was read: an operation is always found in one of the two.

use futures::future::try_join_all;
use ledger::{Decision, IdempotencyKey, Operation, OperationId, Outcome, Page, Seal, User, Wallet};
use store::first_write::{self, Found};
use store::keys;
use store::{Store, Swap, Unavailable};

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

/// Carries out `operation` on `user`'s wallet.
///
/// # Errors
/// [`Error::Unavailable`] with [`Unavailable::Unknown`] once a swap may have committed and the store
/// does not say; with [`Unavailable::Untouched`] before that.
pub async fn carry_out(store: &impl Store, user: &User, operation: &Operation) -> Result<Answer, Error> {
    let opening = keys::wallet(user.as_str());
    let empty = Wallet::new().encode();
    let mut found = first_write::find(store, &opening, &empty).await?;
    let mut attempt = None;
    loop {
        let wallet = read(found.as_ref())?;
        if let Some(outcome) = look_up(store, user, &wallet, operation, attempt).await? {
            return answer(outcome, operation, attempt);
        }
        let mut next = wallet;
        let Decision::New(outcome) = next.decide(operation) else { return Err(Error::KeyReuse) };
        if !outcome.is_kept() {
            return Ok(Answer { outcome, replayed: false });
        }
        let Some(current) = found else {
            found = Some(first_write::open(store, &opening, &empty).await?);
            continue;
        };
        seal(store, user, &mut next).await?;
        attempt = match store.swap(&current.key, &current.value, &next.encode()).await? {
            Swap::Done => return Ok(Answer { outcome, replayed: false }),
            Swap::Lost => None,
            Swap::Unknown => Some(next.head().seq),
        };
        found = Some(read_again(store, current, attempt).await?);
    }
}

/// The wallet as it is stored; a new one where nothing is.
pub(crate) fn read(found: Option<&Found>) -> Result<Wallet, Error> {
    found.map_or_else(
        || Ok(Wallet::new()),
        |found| Wallet::decode(&found.value).map_err(Error::at(&found.key)),
    )
}

/// What the operation has become, if it has. `attempt` is the sequence number that it got in a swap of
/// this request whose outcome is not known.
async fn look_up(
    store: &impl Store,
    user: &User,
    wallet: &Wallet,
    operation: &Operation,
    attempt: Option<u64>,
) -> Result<Option<Outcome>, Error> {
    if let Some(outcome) = wallet.find(&operation.id) {
        return Ok(Some(outcome.clone()));
    }
    let answer = match &operation.id {
        OperationId::Keyed(key) if wallet.indexed() > 0 => indexed(store, user, key).await,
        OperationId::Keyed(_) => Ok(None),
        OperationId::Made(_) => sealed(store, user, wallet, operation, attempt).await,
    };
    match answer {
        Err(Error::Unavailable(_)) if attempt.is_some() => Err(Unavailable::Unknown.into()),
        answer => answer,
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
    wallet: &Wallet,
    operation: &Operation,
    attempt: Option<u64>,
) -> Result<Option<Outcome>, Error> {
    let Some(seq) = attempt.filter(|&seq| seq <= wallet.base().seq) else { return Ok(None) };
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

/// Stores what leaves the wallet. Nothing of it is money that moves: while this fails, nothing happened.
async fn seal(store: &impl Store, user: &User, wallet: &mut Wallet) -> Result<(), Unavailable> {
    while let Some(Seal { page, outcomes }) = wallet.seal() {
        let page = page.map(|page| (keys::page(user.as_str(), page.number()), page.encode()));
        let outcomes = outcomes.iter().filter_map(|outcome| {
            let key = outcome.id().key()?;
            Some((keys::operation(user.as_str(), key.as_str()), outcome.encode()))
        });
        let documents: Vec<_> = page.into_iter().chain(outcomes).collect();
        let writes = documents.iter().map(|(key, value)| store.set(key, value));
        try_join_all(writes).await.map_err(|_| Unavailable::Untouched)?;
    }
    Ok(())
}

/// The wallet after a swap that did not answer `Done`.
async fn read_again(store: &impl Store, current: Found, attempt: Option<u64>) -> Result<Found, Unavailable> {
    let missing = if attempt.is_some() { Unavailable::Unknown } else { Unavailable::Untouched };
    let value = store.get(&current.key).await.map_err(|_| missing)?.ok_or(missing)?;
    Ok(Found { key: current.key, value })
}

#[cfg(test)]
mod tests;
