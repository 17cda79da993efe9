//! The judge of one wallet: compares what its client was told with what the bank says now.
//!
//! It trusts only answers. An acknowledged deposit counts as found if the wallet's history has the very entry that the
//! client got, including its hash. The judge remembers what it has found, so it also notices a wallet that
//! is removed or rolled back later. All deposits are of 1.00 ([`AMOUNT`]), so the balance of each entry is known.

use crate::bank::{Entry, Wallet};
use crate::{chain, money};
use std::collections::BTreeMap;

/// The amount of each deposit.
pub const AMOUNT: &str = "1.00";

/// What one client knows about its wallet.
#[derive(Default)]
pub struct KnownWallet {
    /// A part of the hash of each entry that was found before: the n-th is that of entry n + 1.
    found: Vec<u64>,
    /// The entries that were acknowledged since then.
    acknowledged: Vec<Entry>,
}

/// What the judge found in a wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged deposits that are there, and that were not checked before.
    pub there: u64,
    /// Acknowledged deposits that are not there.
    pub lost: u64,
    /// Extra entries: a deposit that is there twice, or that no client was told about.
    pub doubled: u64,
    /// The hashes do not chain, or the balances do not add up.
    pub broken: bool,
}

impl KnownWallet {
    /// Notes that a deposit was acknowledged with this entry.
    pub fn acknowledge(&mut self, entry: Entry) {
        self.acknowledged.push(entry);
    }

    /// Whether this entry, and with it all before it, was found before.
    pub fn knows(&self, entry: &Entry) -> bool {
        let index = entry.seq.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.found.get(index)).is_some_and(|found| *found == part(&entry.hash))
    }

    /// Compares a wallet and its newest entries (oldest first, back to the last known one or to the first of all)
    /// with what the client was told. From then on these entries are known.
    pub fn judge(&mut self, wallet: &Wallet, newest: &[Entry]) -> Verdict {
        let kept = newest.first().map_or(wallet.seq, |entry| entry.seq.saturating_sub(1));
        let kept = usize::try_from(kept).unwrap_or(usize::MAX).min(self.found.len());
        let mut verdict = self.compare(newest);
        verdict.lost += (self.found.len() - kept) as u64;
        self.found.truncate(kept);
        self.found.extend(newest.iter().map(|entry| part(&entry.hash)));
        self.acknowledged.clear();
        verdict.broken = !adds_up(newest) || !self.ends_as(wallet);
        verdict
    }

    /// Counts acknowledged deposits that are there, that are missing, and that are there too often.
    fn compare(&self, newest: &[Entry]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut times = BTreeMap::<(&str, &str), u64>::new();
        for entry in newest {
            *times.entry((entry.id.as_str(), entry.hash.as_str())).or_default() += 1;
        }
        for told in &self.acknowledged {
            match times.get_mut(&(told.id.as_str(), told.hash.as_str())).filter(|_| newest.contains(told)) {
                Some(times) => {
                    *times = times.saturating_sub(1);
                    verdict.there += 1;
                }
                None => verdict.lost += 1,
            }
        }
        verdict.doubled = times.values().sum();
        verdict
    }

    /// Whether the wallet's state is the one after its last entry.
    fn ends_as(&self, wallet: &Wallet) -> bool {
        let is_last = match self.found.last() {
            Some(found) => *found == part(&wallet.hash),
            None => wallet.hash == chain::START || wallet.seq == 0,
        };
        is_last && wallet.seq == self.found.len() as u64 && wallet.balance == balance_after(wallet.seq)
    }
}

/// Whether each entry follows from the one before it.
fn adds_up(newest: &[Entry]) -> bool {
    let pairs = newest.windows(2).all(|pair| pair[1].hash == chain::hash(&pair[0].hash, &pair[1]));
    pairs && newest.iter().all(|entry| entry.amount == AMOUNT && entry.balance == balance_after(entry.seq))
}

fn balance_after(seq: u64) -> String {
    money::shown(money::units(AMOUNT) * i128::from(seq))
}

/// A part of a hash that is long enough to be unique.
fn part(hash: &str) -> u64 {
    hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
