//! A wallet's present and past: its balance, now or after any entry, and its entries, newest first.
//!
//! The newest entries are in the wallet, the older ones in pages that never change. A reader reads the wallet
//! first: what is sealed in between is then found in both places, and never in neither.

use futures::future::join_all;
use ledger::{Entry, Mark, Page, User, Wallet};
use store::first_write::{self, Found};
use store::{Store, keys};

use crate::Error;
use crate::verified::VerifiedMarks;

/// A stretch of a wallet's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// The next page of entries is before this one; `None` at the end.
    pub next: Option<u64>,
}

/// The present state of `user`'s wallet. A user who never moved money is at the start.
///
/// # Errors
///
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn current(store: &impl Store, user: &User) -> Result<Mark, Error> {
    current_cached(store, user, &VerifiedMarks::default()).await
}

/// Like [`current`], but a stored wallet whose bytes `marks` has checked already is not checked again.
///
/// # Errors
///
/// As [`current`].
pub async fn current_cached(store: &impl Store, user: &User, marks: &VerifiedMarks) -> Result<Mark, Error> {
    let found = first_write::find(store, &keys::wallet(user.as_str()), Wallet::empty()).await?;
    found.map_or(Ok(Mark::START), |found| marks.check(user, found))
}

/// The state of `user`'s wallet after entry `seq`; `None` if there is no such entry yet.
///
/// # Errors
///
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn at(store: &impl Store, user: &User, seq: u64) -> Result<Option<Mark>, Error> {
    let wallet = wallet(store, user).await?;
    if seq == 0 {
        return Ok(Some(Mark::START));
    }
    if seq > wallet.base().seq {
        return Ok(wallet.entries().map(Entry::mark).find(|mark| mark.seq == seq));
    }
    let page = page(store, user, Page::number_of(seq)).await?;
    Ok(page.entries().map(Entry::mark).find(|mark| mark.seq == seq))
}

/// At most `limit` of `user`'s entries, newest first, older than entry `before` if that is given.
///
/// # Errors
///
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn entries(
    store: &impl Store,
    user: &User,
    before: Option<u64>,
    limit: usize,
) -> Result<Entries, Error> {
    let wallet = wallet(store, user).await?;
    let wanted = |entry: &&Entry| before.is_none_or(|before| entry.seq < before);
    let mut entries: Vec<Entry> = wallet.entries().rev().filter(wanted).take(limit).cloned().collect();
    let oldest = wallet.base().seq.min(before.map_or(u64::MAX, |before| before.saturating_sub(1)));
    let pages = pages(oldest, limit.saturating_sub(entries.len())).map(|number| page(store, user, number));
    for page in join_all(pages).await {
        let missing = limit.saturating_sub(entries.len());
        entries.extend(page?.entries().rev().filter(wanted).take(missing).cloned());
    }
    let next = entries.last().map(|entry| entry.seq).filter(|&seq| seq > 1);
    Ok(Entries { entries, next })
}

/// The pages that hold so many entries, up to entry `oldest`, newest page first.
fn pages(oldest: u64, missing: usize) -> impl Iterator<Item = u64> {
    let missing = u64::try_from(missing).unwrap_or(u64::MAX).min(oldest);
    let last = oldest.saturating_sub(missing.saturating_sub(1));
    let numbers = Page::number_of(last)..=Page::number_of(oldest);
    numbers.rev().filter(move |_| missing > 0)
}

async fn wallet(store: &impl Store, user: &User) -> Result<Wallet, Error> {
    let opening = keys::wallet(user.as_str());
    let found = first_write::find(store, &opening, Wallet::empty()).await?;
    decode_wallet(found.as_ref())
}

/// The stored wallet; a new one if nothing is stored.
pub(crate) fn decode_wallet(found: Option<&Found>) -> Result<Wallet, Error> {
    found.map_or_else(
        || Ok(Wallet::new()),
        |found| Wallet::decode(&found.value).map_err(Error::at(&found.key)),
    )
}

/// A page that the wallet says was sealed.
pub(crate) async fn page(store: &impl Store, user: &User, number: u64) -> Result<Page, Error> {
    let key = keys::page(user.as_str(), number);
    let stored = store.get(&key).await?.unwrap_or_default();
    Page::decode(number, &stored).map_err(Error::at(&key))
}

#[cfg(test)]
mod tests;
