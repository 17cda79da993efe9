//! Wallets that were read and checked, and those that an instance has used last.
//!
//! A stored wallet is checked once, by its bytes: when the same bytes are read again, the result is reused. A
//! wallet that the instance remembers may be old, since other instances write too. It is never trusted, only tried
//! ([`crate::operation`]).

use ledger::{User, Wallet};
use store::first_write::Found;

use crate::Error;

/// A stored wallet whose chain was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWallet {
    /// Where it is, and its bytes.
    pub(crate) found: Found,
    /// What they say.
    pub(crate) wallet: Wallet,
}

impl CheckedWallet {
    /// What it says.
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
        match known.filter(|known| known.found == found) {
            Some(known) => Ok(known),
            None => {
                let wallet = Wallet::decode(&found.value).map_err(Error::at(&found.key))?;
                Ok(Self { found, wallet })
            }
        }
    }
}

/// How many wallets an instance keeps at most.
const WALLETS: usize = 128;
/// How many bytes of stored wallets it keeps at most; each has at most 8 KB.
const BYTES: usize = 512 * 1024;

/// The wallets that an instance has used most recently.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// The most recently used one is the last.
    wallets: Vec<(User, CheckedWallet)>,
    bytes: usize,
}

impl Recent {
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
        while self.wallets.len() > WALLETS || self.bytes > BYTES {
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
        let mut recent = Recent::default();
        (0..WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 1)));
        let first = recent.take(&user(0)).unwrap();
        recent.keep(user(0), first);
        recent.keep(user(WALLETS), wallet(WALLETS, 1));
        assert_eq!(recent.take(&user(1)), None);
        assert_eq!(recent.take(&user(0)), Some(wallet(0, 1)));
        assert_eq!(recent.wallets.len(), WALLETS - 1);
    }

    #[test]
    fn large_wallets_are_fewer() {
        let mut recent = Recent::default();
        (0..WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 8192)));
        (0..WALLETS).for_each(|n| recent.keep(user(n), wallet(n, 8192)));
        assert_eq!((recent.wallets.len(), recent.bytes), (BYTES / 8192, BYTES));
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
