//! Wallets that were read and checked, and those that an instance has used last.
//!
//! A stored wallet is checked once, by its bytes: when the same bytes are read again, the result is reused. A
//! wallet that the instance remembers may be old, since other instances write too. It is never trusted, only tried
//! ([`crate::operation`]).

use std::cell::RefCell;

use ledger::{Mark, User, Wallet};
use store::first_write::Found;
use store::is_same;

use crate::Error;

/// A stored wallet whose chain was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWallet {
    /// Its key and its bytes.
    pub(crate) found: Found,
    /// The wallet that the bytes encode.
    pub(crate) wallet: Wallet,
}

impl CheckedWallet {
    /// The wallet.
    #[must_use]
    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// Checks the wallet in `found`, unless it is the `known` one.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub(crate) fn new(found: Found, known: Option<Self>) -> Result<Self, Error> {
        let is_known =
            |known: &Self| known.found.key == found.key && is_same(&known.found.value, &found.value);
        match known.filter(is_known) {
            Some(known) => Ok(known),
            None => {
                let wallet = Wallet::decode(&found.value).map_err(Error::at(&found.key))?;
                Ok(Self { found, wallet })
            }
        }
    }
}

/// How many marks an instance remembers at most, each with its wallet's bytes.
const MAX_MARKS: usize = 256;

/// The marks of stored wallets that were checked, each with the bytes that were checked.
///
/// Each user has one of [`MAX_MARKS`] slots, and shares it with other users: it holds the wallet that was checked
/// last.
#[derive(Debug, Default)]
pub struct VerifiedMarks(RefCell<Vec<Slot>>);

/// A wallet's bytes, and its mark.
type Slot = Option<(Vec<u8>, Mark)>;

impl VerifiedMarks {
    /// The mark of the wallet in `found`, which is checked unless the same bytes were checked before.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub(crate) fn check(&self, user: &User, found: Found) -> Result<Mark, Error> {
        let Found { key, value } = found;
        let mut marks = self.0.borrow_mut();
        if marks.is_empty() {
            marks.resize(MAX_MARKS, None);
        }
        let slot = marks.get_mut(slot(user));
        match &slot {
            Some(Some((bytes, head))) if is_same(bytes, &value) => Ok(*head),
            _ => {
                let head = Wallet::decode_head(&value).map_err(Error::at(&key))?;
                if let Some(slot) = slot {
                    *slot = Some((value, head));
                }
                Ok(head)
            }
        }
    }
}

/// The slot of a user. Users who choose their names to share a slot gain nothing: their wallets are checked each time.
fn slot(user: &User) -> usize {
    let mix = |sum: usize, byte: u8| sum.wrapping_mul(31).wrapping_add(usize::from(byte));
    user.as_str().bytes().fold(0, mix) & MAX_MARKS.wrapping_sub(1)
}

/// How many wallets an instance keeps at most.
const MAX_WALLETS: usize = 128;
/// How many bytes of stored wallets it keeps at most; each has at most 8 KB.
const MAX_BYTES: usize = 512 * 1024;

/// The wallets that an instance has used most recently.
#[derive(Debug, Default)]
pub(crate) struct RecentWallets {
    /// The most recently used one is the last.
    wallets: Vec<(User, CheckedWallet)>,
    bytes: usize,
}

impl RecentWallets {
    /// Removes and returns `user`'s wallet, if it is there.
    pub fn take(&mut self, user: &User) -> Option<CheckedWallet> {
        let index = self.wallets.iter().rposition(|(whose, _)| whose == user)?;
        let (_, wallet) = self.wallets.remove(index);
        self.bytes = self.bytes.saturating_sub(wallet.found.value.len());
        Some(wallet)
    }

    /// Keeps `user`'s wallet, and drops the least recently used ones if there are too many.
    pub fn keep(&mut self, user: User, wallet: CheckedWallet) {
        self.take(&user);
        self.bytes = self.bytes.saturating_add(wallet.found.value.len());
        self.wallets.push((user, wallet));
        while self.wallets.len() > MAX_WALLETS || self.bytes > MAX_BYTES {
            let (_, oldest) = self.wallets.remove(0);
            self.bytes = self.bytes.saturating_sub(oldest.found.value.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use store::keys;

    use super::*;

    fn user(n: usize) -> User {
        format!("user{n}").parse().unwrap()
    }

    fn wallet(n: usize, bytes: usize) -> CheckedWallet {
        let found = Found { key: keys::wallet(user(n).as_str()).plain(), value: vec![0; bytes] };
        CheckedWallet { found, wallet: Wallet::new() }
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let mut recent = RecentWallets::default();
        (0..MAX_WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 1)));
        let first = recent.take(&user(0)).unwrap();
        recent.keep(user(0), first);
        recent.keep(user(MAX_WALLETS), wallet(MAX_WALLETS, 1));
        assert_eq!(recent.take(&user(1)), None);
        assert_eq!(recent.take(&user(0)), Some(wallet(0, 1)));
        assert_eq!(recent.wallets.len(), MAX_WALLETS - 1);
    }

    #[test]
    fn large_wallets_are_fewer() {
        let mut recent = RecentWallets::default();
        (0..MAX_WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 8192)));
        (0..MAX_WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 8192)));
        assert_eq!((recent.wallets.len(), recent.bytes), (MAX_BYTES / 8192, MAX_BYTES));
    }

    /// A stored wallet with this balance, and bytes after it that make it corrupt if there are any.
    fn stored(amount: &str, more: &str) -> Found {
        let mut wallet = Wallet::new();
        wallet.decide(&ledger::Operation {
            id: ledger::OperationId::Made("a".to_owned()),
            kind: ledger::OperationKind::Deposit,
            amount: amount.parse().unwrap(),
            at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
        });
        let value = [&wallet.encode(), more.as_bytes()].concat();
        Found { key: keys::wallet("ann").plain(), value }
    }

    #[test]
    fn a_head_is_that_of_the_bytes_whoever_was_checked_before() {
        let marks = VerifiedMarks::default();
        let balance = |found| marks.check(&user(1), found).map(|head| head.balance.to_string());
        for amount in ["1.00", "1.00", "2.00", "1.00"] {
            assert_eq!(balance(stored(amount, "")).as_deref(), Ok(amount));
            assert!(balance(stored(amount, "}")).is_err());
        }
        let others =
            (0..2 * MAX_MARKS).map(|n| marks.check(&user(n), stored("3", "")).unwrap().balance.to_string());
        assert!(others.into_iter().all(|balance| balance == "3.00"));
        assert_eq!(marks.0.borrow().len(), MAX_MARKS);
    }

    #[test]
    fn other_bytes_are_checked() {
        let known = |bytes: &[u8]| {
            let found = Found { value: bytes.to_vec(), ..wallet(0, 0).found };
            CheckedWallet { found, wallet: Wallet::new() }
        };
        let found = known(b"{}").found;
        assert!(CheckedWallet::new(found.clone(), Some(known(b"{}"))).is_ok());
        assert!(CheckedWallet::new(found.clone(), Some(known(b"{"))).is_err());
        assert!(CheckedWallet::new(found, None).is_err());
    }
}
