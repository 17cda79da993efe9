//! The answer to an operation, and what a batch leaves for the next one.

use ledger::Outcome;

use crate::verified::CheckedWallet;

/// The outcome of an operation, and whether this is a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationAnswer {
    /// The entry, or the refusal.
    pub outcome: Outcome,
    /// It is the answer of an earlier request under the same idempotency key.
    pub replayed: bool,
}

/// The wallet as it was last seen, which saves the next batch a round trip on a store where that is safe. It may be
/// old: then the swap is lost. What needs no swap is answered only from a wallet that was read after all requests in
/// question had arrived.
#[derive(Debug, Default)]
pub struct LastKnown {
    /// The wallet; `None` if nobody has opened it, or it was not seen.
    pub wallet: Option<CheckedWallet>,
    /// The previous batch has just left it: whoever has written since then competes for it.
    pub is_handed_on: bool,
}
