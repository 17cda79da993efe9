//! One movement of money, and the hash chain that ties it to the one before.
//!
//! `hash` is the lower-case hex SHA-256 of `previous hash ⏎ seq ⏎ id ⏎ kind ⏎ amount ⏎ balance ⏎ at`
//! (contract, "The chain"); the first entry's previous hash is 64 zeros. Anyone can check a wallet.

use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::operation::{Operation, OperationId, OperationKind};
use crate::refusal::Refusal;
use crate::timestamp::Timestamp;
use crate::{Amount, Balance, Corrupt};

/// A SHA-256, shown as 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// The state of a wallet after an entry: the next entry builds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The entry's sequence number; 0 before the first.
    pub seq: u64,
    /// The balance after it.
    pub balance: Balance,
    /// The chain's hash up to it.
    pub hash: Hash,
}

/// One movement of money, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// The operation that made it.
    pub id: OperationId,
    /// Which way money moved.
    pub kind: OperationKind,
    /// How much.
    pub amount: Amount,
    /// The balance after it.
    pub balance: Balance,
    /// When it was asked for.
    pub at: Timestamp,
    /// Ties it to all entries before it.
    pub hash: Hash,
}

impl Hash {
    /// The previous hash of the first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// The SHA-256 of `text`.
    #[must_use]
    pub fn of(text: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Its hex digits.
    fn digits(&self) -> [u8; 64] {
        // Not `{:02x}` for each byte: a wallet has a dozen hashes, and formatting them so took an eighth of the
        // time of reading one.
        let mut digits = [0; 64];
        for ([high, low], byte) in digits.as_chunks_mut().0.iter_mut().zip(self.0) {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
        digits
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0'.wrapping_add(value) } else { b'a'.wrapping_sub(10).wrapping_add(value) }
}

impl FromStr for Hash {
    type Err = Corrupt;

    fn from_str(text: &str) -> Result<Self, Corrupt> {
        const BAD: Corrupt = Corrupt("a hash is not 64 lower-case hex digits");
        let value = |digit: &u8| match digit {
            b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(BAD);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return Err(BAD) };
            *byte = value(high).ok_or(BAD)? << 4 | value(low).ok_or(BAD)?;
        }
        Ok(Self(bytes))
    }
}

impl Mark {
    /// A wallet before its first entry.
    pub const START: Self = Self { seq: 0, balance: Balance::ZERO, hash: Hash::ZERO };

    /// The entry of `operation`, as the next one.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] if there is not enough money, or would be too much.
    pub fn post(&self, operation: &Operation) -> Result<Entry, Refusal> {
        let Operation { id, kind, amount, at } = operation;
        let Self { seq, balance, hash } = self.after(id.as_str(), *kind, *amount, *at)?;
        Ok(Entry { seq, id: id.clone(), kind: *kind, amount: *amount, balance, at: *at, hash })
    }

    /// The state after the operation with this id, which is posted as the next entry.
    ///
    /// # Errors
    ///
    /// As [`Mark::post`].
    pub(crate) fn after(
        &self,
        id: &str,
        kind: OperationKind,
        amount: Amount,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let balance = match kind {
            OperationKind::Deposit => self.balance.credit(amount).ok_or(Refusal::LimitExceeded)?,
            OperationKind::Withdrawal => self.balance.debit(amount).ok_or(Refusal::InsufficientFunds)?,
        };
        let seq = self.seq.checked_add(1).ok_or(Refusal::LimitExceeded)?;
        let hash = chain(&self.hash, seq, id, kind, amount, balance, at);
        Ok(Self { seq, balance, hash })
    }
}

impl Entry {
    /// The state of the wallet after this entry.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { seq: self.seq, balance: self.balance, hash: self.hash }
    }

    /// Whether `operation` asks for what this entry did.
    #[must_use]
    pub fn matches(&self, operation: &Operation) -> bool {
        self.kind == operation.kind && self.amount == operation.amount
    }
}

/// The lines are hashed as they are written: each entry of a stored wallet is hashed whenever it is read, and memory
/// for them would be as dear as their hash.
fn chain(
    previous: &Hash,
    seq: u64,
    id: &str,
    kind: OperationKind,
    amount: Amount,
    balance: Balance,
    at: Timestamp,
) -> Hash {
    let mut lines = Lines(Sha256::new());
    lines.0.update(previous.digits());
    // Writing to a digest cannot fail.
    let _ = write!(lines, "\n{seq}\n{id}\n{}\n{amount}\n{balance}\n", kind.as_str());
    lines.0.update(at.as_str());
    Hash(lines.0.finalize().into())
}

/// A digest of what is written to it.
struct Lines(Sha256);

impl Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(kind: OperationKind, amount: &str) -> Operation {
        Operation {
            id: OperationId::Keyed("order-17".parse().unwrap()),
            kind,
            amount: amount.parse().unwrap(),
            at: "2026-11-20T18:00:00.123Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_hash_is_the_sha256_of_the_contracts_seven_lines() {
        let entry = Mark::START.post(&operation(OperationKind::Deposit, "10.5")).unwrap();
        let lines =
            format!("{}\n1\norder-17\ndeposit\n10.50\n10.50\n2026-11-20T18:00:00.123Z", "0".repeat(64));
        assert_eq!(entry.hash, Hash(Sha256::digest(lines).into()));
        // sha256sum of those lines, computed by coreutils
        assert_eq!(
            entry.hash.to_string(),
            "aba44db9de1dde229d60b2acd2329f35ce0d63e17382cf0824b7aad3171c522c"
        );
    }

    #[test]
    fn each_entry_builds_on_the_one_before() {
        let first = Mark::START.post(&operation(OperationKind::Deposit, "10")).unwrap();
        let second = first.mark().post(&operation(OperationKind::Withdrawal, "2.5")).unwrap();
        assert_eq!((second.seq, second.balance.to_string().as_str()), (2, "7.50"));
        assert_ne!(second.hash, first.hash);
    }

    #[test]
    fn what_cannot_be_posted_is_refused() {
        let refused = |kind, amount| Mark::START.post(&operation(kind, amount)).unwrap_err();
        assert_eq!(refused(OperationKind::Withdrawal, "0.00000001"), Refusal::InsufficientFunds);
        let full = Mark { balance: "999999999999999".parse().unwrap(), ..Mark::START };
        assert_eq!(full.post(&operation(OperationKind::Deposit, "1")).unwrap_err(), Refusal::LimitExceeded);
    }

    #[test]
    fn a_hash_reads_back_as_it_prints() {
        let hash = Mark::START.post(&operation(OperationKind::Deposit, "1")).unwrap().hash;
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        let good = hash.to_string();
        for bad in [&good[1..], &good.to_uppercase(), &good.replace(&good[..1], "g"), &format!("{good}0")] {
            assert!(bad.parse::<Hash>().is_err(), "{bad}");
        }
    }
}
