//! The protocol: look whether an operation has happened, decide what it becomes, swap, and repeat until each
//! operation has its answer.

use ledger::{Decision, Seal, User, Wallet};
use store::first_write::{self, Found};
use store::keys::{self, ElectedKeys};
use store::{Document, Store, Swap, SwapPrerequisites, Unavailable, is_same};

use super::answer::LastKnown;
use super::items::{Items, is_remembered};
use super::sealed;
use crate::Error;
use crate::verified::CheckedWallet;

/// How a batch ended.
pub(super) enum BatchEnd {
    /// Every item has its answer.
    Answered,
    /// A swap was lost and nothing has happened: it can be tried again with more items.
    Untouched,
}

/// Reads, decides and swaps until every item has its answer. It starts from the wallet in `seen`, on a store that can
/// detect that it is old, and leaves the latest wallet there.
pub(super) async fn commit(
    store: &impl Store,
    user: &User,
    items: &mut Items<'_>,
    seen: &mut LastKnown,
) -> Result<BatchEnd, Error> {
    let mut commit = Commit::begin(store, user, items, std::mem::take(seen)).await?;
    loop {
        if let Some(ended) = commit.round().await? {
            // An empty wallet may be one that was not elected, so the next batch looks for it again.
            let wallet = commit.found.filter(|known| known.found.value != commit.empty);
            *seen = LastKnown { wallet, is_handed_on: true };
            return Ok(ended);
        }
    }
}

/// A batch that is being committed to a wallet.
struct Commit<'a, 'j, S> {
    store: &'a S,
    user: &'a User,
    items: &'a mut Items<'j>,
    opening: ElectedKeys,
    empty: &'static [u8],
    /// The wallet as it was last seen; `None` if nobody has opened it.
    found: Option<CheckedWallet>,
    age: Age,
    /// The value that a swap with an unknown outcome would replace: `Some(None)` if it was the first write.
    attempted: Option<Option<Vec<u8>>>,
    /// A swap was lost because the index has the key of an item, so the index must be read.
    is_indexed: bool,
}

/// How recent the wallet in `found` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// It has to be read.
    Unread,
    /// It may be older than the items' requests; a swap will tell.
    Prior,
    /// It may be older than the previous batch. Somebody who has written since then need not be competing for it now.
    Old,
    /// It was read after all of the requests had arrived.
    Fresh,
}

/// What a swap would write.
struct Next {
    wallet: Wallet,
    /// The wallet's stored form.
    value: Vec<u8>,
    /// What the items become by it.
    decisions: Vec<Decision>,
    /// What leaves the wallet, and is stored before it.
    sealed: Vec<(Document, Vec<u8>)>,
    /// Documents of the index that must not exist, or the swap is lost.
    absent: Vec<Document>,
}

impl<'a, 'j, S: Store> Commit<'a, 'j, S> {
    async fn begin(
        store: &'a S,
        user: &'a User,
        items: &'a mut Items<'j>,
        seen: LastKnown,
    ) -> Result<Self, Error> {
        let opening = keys::wallet(user.as_str());
        let empty = Wallet::empty();
        let (found, age) = match seen.wallet {
            known if !store.shares_round_trips() => (known, Age::Unread),
            Some(known) => (Some(known), if seen.is_handed_on { Age::Prior } else { Age::Old }),
            // If this finds nothing, the first write will tell.
            None => match first_write::find_plain(store, &opening, empty).await? {
                Some(found) => (Some(CheckedWallet::new(found, None)?), Age::Fresh),
                None => (None, Age::Prior),
            },
        };
        Ok(Self { store, user, items, opening, empty, found, age, attempted: None, is_indexed: false })
    }

    /// One round, from reading the wallet to a swap; `None` if there has to be another round.
    async fn round(&mut self) -> Result<Option<BatchEnd>, Error> {
        if self.age == Age::Unread {
            let found = first_write::find(self.store, &self.opening, self.empty).await?;
            let known = self.found.take();
            self.found = found.map(|found| CheckedWallet::new(found, known)).transpose()?;
            self.age = Age::Fresh;
        }
        let mut wallet = self.found.as_ref().map_or_else(Wallet::new, |found| found.wallet.clone());
        if self.age != Age::Fresh && self.items.any_in(&wallet) {
            // If a store has lost what it acknowledged, that is lost: only what it holds now is an answer.
            self.age = Age::Unread;
            return Ok(None);
        }
        let looks_in_the_swap = self.look_up(&wallet).await?;
        // Checked before anything builds on it: the result of the next swap says nothing about what was read.
        if !self.items.all_replicated(self.store, self.found.as_ref().map(|known| &known.found)).await? {
            self.age = Age::Unread;
            return Ok(None);
        }
        if !self.may_still_happen() {
            self.items.forget();
        }
        self.items.answer_abandoned();
        let has_index = wallet.indexed() > 0;
        let seals: Vec<Seal> = std::iter::from_fn(|| wallet.seal()).collect();
        let decisions = self.items.decide(&mut wallet);
        if !decisions.iter().any(is_remembered) {
            return Ok(self.answer_without_a_swap(decisions));
        }
        let absent =
            if looks_in_the_swap && has_index { sealed::index_of(self.user, &decisions) } else { Vec::new() };
        let sealed = sealed::documents(self.user, &seals);
        let next = Next { value: wallet.encode(), wallet, decisions, sealed, absent };
        match self.found.take() {
            None => self.write_first(next).await,
            Some(known) => self.swap(known.found, next).await,
        }
    }

    /// Answers the items that have happened. Returns whether the swap has to check the index for the others.
    async fn look_up(&mut self, wallet: &Wallet) -> Result<bool, Error> {
        // Not for items that may have happened already: an entry without a key is not in the index, and may have left
        // the wallet.
        let in_the_swap = self.store.shares_round_trips() && !self.is_indexed && !self.items.any_attempted();
        if in_the_swap {
            self.items.recognize(wallet);
        } else {
            self.items.look_up(self.store, self.user, wallet).await?;
        }
        Ok(in_the_swap)
    }

    /// Whether a swap with an unknown outcome may still commit: the wallet holds the value that it would replace.
    fn may_still_happen(&self) -> bool {
        let held = self.found.as_ref().map(|known| &known.found.value);
        self.attempted.as_ref().is_some_and(|over| over.as_ref() == held)
    }

    /// Answers items that change nothing, but only on a wallet that was read after their requests had arrived.
    fn answer_without_a_swap(&mut self, decisions: Vec<Decision>) -> Option<BatchEnd> {
        if self.age != Age::Fresh {
            self.age = Age::Unread;
            return None;
        }
        self.items.settle(decisions);
        Some(BatchEnd::Answered)
    }

    /// Opens the wallet with the first operations in it.
    async fn write_first(&mut self, next: Next) -> Result<Option<BatchEnd>, Error> {
        self.items.mark_sent(&next.decisions);
        self.age = Age::Fresh;
        match self.store.write_first(&self.opening, self.empty, &next.value).await {
            Ok(Swap::Done) => return Ok(self.complete(self.opening.plain(), next)),
            Ok(Swap::Unknown) => {
                self.items.attempt(&next.decisions);
                self.attempted = Some(None);
                self.age = Age::Unread;
            }
            Ok(Swap::Lost(_)) => {
                self.items.mark_unsent();
                let found = first_write::open(self.store, &self.opening, self.empty).await?;
                self.found = Some(CheckedWallet::new(found, None)?);
            }
            Err(unavailable) => return Err(self.note_failure(&next.decisions, unavailable)),
        }
        Ok(None)
    }

    /// Writes the next wallet over the one in `found`.
    async fn swap(&mut self, found: Found, next: Next) -> Result<Option<BatchEnd>, Error> {
        let Found { key, value } = found;
        self.items.mark_sent(&next.decisions);
        let is_old = std::mem::replace(&mut self.age, Age::Fresh) == Age::Old;
        let before = SwapPrerequisites { absent: &next.absent, written: &next.sealed };
        let stored = match self.store.swap_after(before, &key, &value, &next.value).await {
            Ok(Swap::Done) => return Ok(self.complete(key, next)),
            Ok(Swap::Unknown) => {
                self.items.attempt(&next.decisions);
                self.attempted = Some(Some(value));
                self.store.get(&key).await?
            }
            Ok(Swap::Lost(holds)) => {
                self.is_indexed = holds.as_ref() == Some(&value);
                self.items.mark_unsent();
                // If the index has the key, nobody competes, and the wallet is not old.
                let waited = !self.is_indexed && !is_old && self.store.step_aside(self.items.count()).await;
                if !self.is_indexed && self.items.all_untouched() {
                    let holds = holds.filter(|_| !waited).map(|value| Found { key, value });
                    self.found = holds.map(|found| CheckedWallet::new(found, None)).transpose()?;
                    return Ok(Some(BatchEnd::Untouched));
                }
                if waited { self.store.get(&key).await? } else { holds }
            }
            Err(unavailable) => return Err(self.note_failure(&next.decisions, unavailable)),
        };
        self.resolve(key, stored.ok_or(Unavailable::Untouched)?, next).await
    }

    /// The answer of a swap proved nothing: the value that is `stored` now tells what has happened.
    async fn resolve(
        &mut self,
        key: Document,
        mut stored: Vec<u8>,
        next: Next,
    ) -> Result<Option<BatchEnd>, Error> {
        if stored == self.empty {
            // A store that has lost what it acknowledged may have lost the election too, so the election is read
            // again.
            self.age = Age::Unread;
            return Ok(None);
        }
        if is_same(&stored, &next.value) {
            // An unanswered attempt has committed. Whether replicas have it is not known yet.
            self.items.attempt(&next.decisions);
            if self.store.confirm_replicated(&key, &next.value).await? {
                return Ok(self.complete(key, next));
            }
            stored = self.store.get(&key).await?.ok_or(Unavailable::Untouched)?;
        }
        self.found = Some(CheckedWallet::new(Found { key, value: stored }, None)?);
        Ok(None)
    }

    /// The next wallet is stored under `key`: what was decided has happened.
    fn complete(&mut self, key: Document, next: Next) -> Option<BatchEnd> {
        self.items.settle(next.decisions);
        self.found = Some(CheckedWallet { found: Found { key, value: next.value }, wallet: next.wallet });
        self.items.all_answered().then_some(BatchEnd::Answered)
    }

    /// A swap was not answered.
    fn note_failure(&mut self, decisions: &[Decision], unavailable: Unavailable) -> Error {
        if unavailable == Unavailable::Unknown {
            self.items.attempt(decisions);
        }
        self.items.mark_unsent();
        unavailable.into()
    }
}
