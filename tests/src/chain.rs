//! The hash chain of a wallet, computed as the contract describes it, without product code: anyone can check a
//! wallet.

use crate::bank::Entry;
use sha2::{Digest, Sha256};

/// The hash before the first entry.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash an entry must have after `previous`.
pub fn hash(previous: &str, entry: &Entry) -> String {
    let text =
        [previous, &entry.seq.to_string(), &entry.id, &entry.kind, &entry.amount, &entry.balance, &entry.at]
            .join("\n");
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks consecutive entries, oldest first, that begin after `previous`; returns the last hash.
#[track_caller]
pub fn check<'a>(previous: &str, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut last = previous.to_owned();
    for entry in entries {
        let expected = hash(&last, entry);
        assert_eq!(entry.hash, expected, "the chain breaks at {entry:?}");
        last = expected;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::{START, hash};
    use crate::bank::Entry;

    #[test]
    fn the_hash_is_that_of_the_lines_joined() {
        // printf '0…0\n1\norder-17\ndeposit\n10.50\n10.50\n2026-11-20T18:00:00.123Z' | sha256sum
        let entry = Entry {
            seq: 1,
            id: "order-17".into(),
            kind: "deposit".into(),
            amount: "10.50".into(),
            balance: "10.50".into(),
            at: "2026-11-20T18:00:00.123Z".into(),
            hash: String::new(),
        };
        let expected = "aba44db9de1dde229d60b2acd2329f35ce0d63e17382cf0824b7aad3171c522c";
        assert_eq!(hash(START, &entry), expected);
    }
}
