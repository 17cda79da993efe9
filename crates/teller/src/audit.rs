//! Checks a wallet from its first entry to its last: the chain, the balances, the pages, the index.
//!
//! It only reads. Every page and the wallet post their entries again as they are read ([`ledger::document`]). Here
//! each must begin where the one before ends, and each idempotency key must lead to its entry. The first break is
//! reported, with its key in the store and the entries in doubt.

use ledger::{Corrupt, Entry, IdempotencyKey, Mark, Outcome, Page, User, Wallet};
use store::{Document, Store, Unavailable, first_write, keys};

use crate::history::decode_wallet;

/// A wallet whose chain, pages and index are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// Where the wallet stands.
    pub head: Mark,
    /// How many pages were read.
    pub pages: u64,
    /// How many idempotency keys were looked up in the index.
    pub keys: u64,
}

/// Why a wallet is not sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The first document that is wrong.
    #[error("entries {from} to {to} are in doubt: {key}: {what}")]
    Broken {
        /// Where it is.
        key: Document,
        /// The first entry in doubt.
        from: u64,
        /// The last entry in doubt.
        to: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Checks all of `user`'s wallet, and calls `progress` with the number of entries checked so far.
///
/// # Errors
///
/// [`Unsound`].
pub async fn audit(store: &impl Store, user: &User, mut progress: impl FnMut(u64)) -> Result<Sound, Unsound> {
    let opening = keys::wallet(user.as_str());
    let found = first_write::find(store, &opening, Wallet::empty()).await?;
    let key = found.as_ref().map_or(opening.plain(), |found| found.key.clone());
    let wallet =
        decode_wallet(found.as_ref()).map_err(|_| broken(&key, 1, u64::MAX, "the wallet does not add up"))?;
    let mut sound = Sound { head: Mark::START, pages: 0, keys: 0 };
    while sound.head.seq < wallet.base().seq {
        let page = page(store, user, sound.head).await?;
        sound.keys = sound.keys.saturating_add(look_up_entries(store, user, page.entries()).await?);
        sound.pages = sound.pages.saturating_add(1);
        sound.head = *page.end();
        progress(sound.head.seq);
    }
    if sound.head != *wallet.base() {
        let what = "the wallet does not begin where its last page ends";
        return Err(broken(&key, sound.head.seq.saturating_add(1), wallet.head().seq, what));
    }
    check_no_later_page(store, user, &wallet).await?;
    Ok(Sound { head: *wallet.head(), ..sound })
}

/// Checks that no page follows the wallet's last one, except one whose entries the wallet still holds: a page is
/// stored before the wallet that no longer holds its entries. A store that went back to an earlier wallet, as after a
/// failover, leaves pages and keys whose entries are gone.
async fn check_no_later_page(store: &impl Store, user: &User, wallet: &Wallet) -> Result<(), Unsound> {
    let (base, head) = (wallet.base(), wallet.head());
    let number = Page::number_of(base.seq.saturating_add(1));
    let key = keys::page(user.as_str(), number);
    let Some(stored) = store.get(&key).await? else { return Ok(()) };
    let from = base.seq.saturating_add(1);
    let in_doubt = |to, what| broken(&key, from, to, what);
    let page = Page::decode(number, &stored).map_err(|Corrupt(what)| {
        in_doubt(base.seq.saturating_add(ledger::seal::PAGE_ENTRIES as u64), what)
    })?;
    if page.base() != base || !page.entries().all(|entry| wallet.entries().any(|held| held == entry)) {
        let what = "the page has entries that the wallet has not: the wallet is an earlier one";
        return Err(in_doubt(page.end().seq.max(head.seq), what));
    }
    Ok(())
}

/// Checks the index under these idempotency keys, which are all of `user`'s: each entry must be in the wallet or in
/// its page. A store that went back to an earlier wallet leaves keys whose entries are gone. Refusals cannot be
/// checked: they are in the index alone. Returns how many keys were looked up.
///
/// # Errors
///
/// [`Unsound`].
pub async fn check_index(
    store: &impl Store,
    user: &User,
    idempotency_keys: impl IntoIterator<Item = IdempotencyKey>,
) -> Result<u64, Unsound> {
    let opening = keys::wallet(user.as_str());
    let found = first_write::find(store, &opening, Wallet::empty()).await?;
    let wallet = decode_wallet(found.as_ref())
        .map_err(|_| broken(&opening.plain(), 1, u64::MAX, "the wallet does not add up"))?;
    let mut count = 0_u64;
    for idempotency_key in idempotency_keys {
        let key = keys::operation(user.as_str(), idempotency_key.as_str());
        let Some(stored) = store.get(&key).await? else { continue };
        count = count.saturating_add(1);
        let outcome = Outcome::decode(&stored).map_err(|Corrupt(what)| broken(&key, 1, u64::MAX, what))?;
        if outcome.id().key() != Some(&idempotency_key) {
            return Err(broken(&key, 1, u64::MAX, "the index has another key there"));
        }
        let Some(entry) = outcome.entry() else { continue };
        let is_there = if entry.seq > wallet.base().seq {
            wallet.entries().any(|held| held == entry)
        } else {
            let number = Page::number_of(entry.seq);
            let page = store.get(&keys::page(user.as_str(), number)).await?;
            page.and_then(|page| Page::decode(number, &page).ok())
                .is_some_and(|page| page.entries().any(|held| held == entry))
        };
        if !is_there {
            return Err(broken(&key, entry.seq, entry.seq, "the index has an entry that is gone"));
        }
    }
    Ok(count)
}

/// The page that follows `mark`.
async fn page(store: &impl Store, user: &User, mark: Mark) -> Result<Page, Unsound> {
    let first = mark.seq.saturating_add(1);
    let number = Page::number_of(first);
    let key = keys::page(user.as_str(), number);
    let in_doubt =
        |what| broken(&key, first, mark.seq.saturating_add(ledger::seal::PAGE_ENTRIES as u64), what);
    let stored = store.get(&key).await?.ok_or_else(|| in_doubt("the page is missing"))?;
    let page = Page::decode(number, &stored).map_err(|Corrupt(what)| in_doubt(what))?;
    if *page.base() != mark {
        return Err(in_doubt("the page does not begin where the one before ends"));
    }
    Ok(page)
}

/// Looks up the keys of sealed entries, and returns how many there were.
async fn look_up_entries(
    store: &impl Store,
    user: &User,
    entries: impl Iterator<Item = &Entry>,
) -> Result<u64, Unsound> {
    let mut count = 0_u64;
    for entry in entries {
        let Some(idempotency_key) = entry.id.key() else { continue };
        let key = keys::operation(user.as_str(), idempotency_key.as_str());
        let in_doubt = |what| broken(&key, entry.seq, entry.seq, what);
        let stored = store.get(&key).await?.ok_or_else(|| in_doubt("the key is not in the index"))?;
        let outcome = Outcome::decode(&stored).map_err(|Corrupt(what)| in_doubt(what))?;
        if outcome.entry() != Some(entry) {
            return Err(in_doubt("the index leads to another entry"));
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

fn broken(key: &Document, from: u64, to: u64, what: &'static str) -> Unsound {
    Unsound::Broken { key: key.clone(), from, to, what }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use ledger::{Operation, OperationId, OperationKind};
    use store::memory::Memory;

    use super::*;
    use crate::operation::carry_out;

    fn user() -> User {
        "ann".parse().unwrap()
    }

    /// A wallet with 30 entries: pages 0 to 2, and the newest in the wallet.
    fn filled() -> Memory {
        let store = Memory::new();
        for n in 1..=30 {
            block_on(carry_out(&store, &user(), &deposit(n))).unwrap();
        }
        store
    }

    fn deposit(n: u32) -> Operation {
        Operation {
            id: OperationId::Keyed(format!("k{n}").parse().unwrap()),
            kind: OperationKind::Deposit,
            amount: "1".parse().unwrap(),
            at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
        }
    }

    fn check(store: &Memory) -> Result<Sound, Unsound> {
        block_on(audit(store, &user(), |_| ()))
    }

    fn change(store: &Memory, key: &Document, from: &str, to: &str) {
        let text = String::from_utf8(block_on(store.get(key)).unwrap().unwrap()).unwrap();
        assert!(text.contains(from), "{text}");
        block_on(store.set(key, text.replacen(from, to, 1).as_bytes())).unwrap();
    }

    #[test]
    fn an_untouched_wallet_is_sound() {
        let sound = check(&filled()).unwrap();
        assert_eq!((sound.head.seq, sound.pages, sound.keys), (30, 3, 24));
        assert_eq!(check(&Memory::new()).unwrap().head, Mark::START);
    }

    #[test]
    fn the_first_break_is_named() {
        let page = |number| keys::page("ann", number);
        let operation = |key| keys::operation("ann", key);
        let wallet = keys::wallet("ann").plain();
        for (key, from, to, doubt) in [
            (page(0), r#""amount":"1.00""#, r#""amount":"2.00""#, "entries 1 to 8"),
            (page(1), r#""k10""#, r#""k99""#, "entries 9 to 16"),
            (page(2), r#""v":1"#, r#""v":2"#, "entries 17 to 24"),
            (operation("k12"), r#""1.00""#, r#""1.01""#, "entries 12 to 12"),
            (wallet, r#""balance":"24.00""#, r#""balance":"25.00""#, "entries 1 to"),
        ] {
            let store = filled();
            change(&store, &key, from, to);
            let broken = check(&store).unwrap_err().to_string();
            assert!(broken.starts_with(doubt) && broken.contains(key.as_str()), "{broken}");
        }
    }

    #[test]
    fn a_wallet_that_went_back_behind_its_pages_is_found() {
        let (store, opening) = (filled(), keys::wallet("ann"));
        let earlier = Memory::new();
        for n in 1..=20 {
            block_on(carry_out(&earlier, &user(), &deposit(n))).unwrap();
        }
        let wallet = block_on(earlier.get(&opening.plain())).unwrap().unwrap();
        block_on(store.set(&opening.plain(), &wallet)).unwrap();
        let broken = check(&store).unwrap_err().to_string();
        assert!(broken.contains("page:2") && broken.contains("the wallet is an earlier one"), "{broken}");
    }

    #[test]
    fn a_key_in_the_index_whose_entry_is_gone_is_found() {
        let (store, earlier) = (filled(), Memory::new());
        let all = || (1..=30).map(|n| format!("k{n}").parse().unwrap());
        assert_eq!(block_on(check_index(&store, &user(), all())), Ok(24));
        for n in 1..=5 {
            block_on(carry_out(&earlier, &user(), &deposit(n))).unwrap();
        }
        assert_eq!(block_on(check_index(&earlier, &user(), all())), Ok(0), "all are in the wallet");
        // A key of the later wallet is left, but no page.
        let key = keys::operation("ann", "k8");
        block_on(earlier.set(&key, &block_on(store.get(&key)).unwrap().unwrap())).unwrap();
        assert!(check(&earlier).is_ok(), "pages and wallet do not show it");
        let broken = block_on(check_index(&earlier, &user(), all())).unwrap_err().to_string();
        assert!(broken.contains("operation:k8") && broken.contains("an entry that is gone"), "{broken}");
        // An entry of another history does not match the wallet's either.
        let key = keys::operation("ann", "k2");
        let other = Memory::new();
        for n in (1..=30).rev() {
            block_on(carry_out(&other, &user(), &deposit(n))).unwrap();
        }
        let stored = block_on(other.get(&keys::operation("ann", "k29"))).unwrap().unwrap();
        block_on(store.set(&key, &stored)).unwrap();
        assert!(block_on(check_index(&store, &user(), all())).is_err());
    }

    #[test]
    fn a_page_that_is_stored_before_its_wallet_is_sound() {
        let (store, later) = (Memory::new(), filled());
        for n in 1..=11 {
            block_on(carry_out(&store, &user(), &deposit(n))).unwrap();
        }
        assert_eq!(check(&store).unwrap().pages, 0);
        let key = keys::page("ann", 0);
        block_on(store.set(&key, &block_on(later.get(&key)).unwrap().unwrap())).unwrap();
        assert_eq!(check(&store).unwrap().head.seq, 11);
    }

    #[test]
    fn a_page_of_another_history_is_not_taken() {
        let (store, other) = (filled(), Memory::new());
        for n in 1..=30 {
            let operation = Operation {
                id: OperationId::Made(format!("m{n}")),
                kind: OperationKind::Deposit,
                amount: "1".parse().unwrap(),
                at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
            };
            block_on(carry_out(&other, &user(), &operation)).unwrap();
        }
        let key = keys::page("ann", 1);
        let page = block_on(other.get(&key)).unwrap().unwrap();
        block_on(store.set(&key, &page)).unwrap();
        let broken = check(&store).unwrap_err().to_string();
        assert!(broken.contains("does not begin where the one before ends"), "{broken}");
    }
}
