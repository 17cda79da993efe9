//! What has left a wallet: its pages of entries, and the index of its idempotency keys.

use ledger::{Decision, IdempotencyKey, Operation, Outcome, Page, Seal, User};
use store::{Document, Store, keys};

use crate::Error;
use crate::history::page;

/// The outcome of an idempotency key that has left the wallet.
pub(super) async fn outcome(
    store: &impl Store,
    user: &User,
    key: &IdempotencyKey,
) -> Result<Option<Outcome>, Error> {
    let document = keys::operation(user.as_str(), key.as_str());
    let stored = store.get(&document).await?;
    stored.map(|bytes| Outcome::decode(&bytes).map_err(Error::at(&document))).transpose()
}

/// An operation without a key is not in the index, but the number of its entry is known.
pub(super) async fn entry(
    store: &impl Store,
    user: &User,
    seq: u64,
    operation: &Operation,
) -> Result<Option<Outcome>, Error> {
    let page = page(store, user, Page::number_of(seq)).await?;
    let entry = page.entries().find(|entry| entry.seq == seq && entry.id == operation.id);
    Ok(entry.cloned().map(Outcome::Posted))
}

/// The documents of the index for what is decided here for the first time.
pub(super) fn index_of(user: &User, decisions: &[Decision]) -> Vec<Document> {
    let new = decisions.iter().filter_map(|decision| match decision {
        Decision::New(outcome) => outcome.id().key(),
        Decision::Known(_) | Decision::KeyReuse => None,
    });
    new.map(|key| keys::operation(user.as_str(), key.as_str())).collect()
}

/// The stored forms of what leaves the wallet, all of it committed.
pub(super) fn documents(user: &User, seals: &[Seal]) -> Vec<(Document, Vec<u8>)> {
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
