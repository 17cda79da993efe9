//! What an operation becomes: an entry, or a refusal. [`Outcome::is_remembered`] decides which outcomes are remembered:
//! every entry, and every refusal under an idempotency key.

use crate::entry::Entry;
use crate::operation::{Operation, OperationId, OperationKind};
use crate::refusal::Refusal;
use crate::{Amount, Balance};

/// A refused operation, with what its answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedOperation {
    /// The operation.
    pub id: OperationId,
    /// What it asked for.
    pub kind: OperationKind,
    /// How much it asked for.
    pub amount: Amount,
    /// Why not.
    pub refusal: Refusal,
    /// The balance when it was refused.
    pub balance: Balance,
}

/// What an operation has become. It never changes once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Money moved.
    Posted(Entry),
    /// Nothing moved.
    Refused(RefusedOperation),
}

/// A wallet's decision on an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A replay: the same request was answered before under this id, with this outcome.
    Known(Outcome),
    /// The idempotency key belongs to a different request.
    KeyReuse,
    /// The operation is new, and becomes this once the wallet is stored.
    New(Outcome),
}

impl Outcome {
    /// The id of the operation that became this.
    #[must_use]
    pub fn id(&self) -> &OperationId {
        match self {
            Self::Posted(entry) => &entry.id,
            Self::Refused(refused) => &refused.id,
        }
    }

    /// The entry, where money moved.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Posted(entry) => Some(entry),
            Self::Refused(_) => None,
        }
    }

    /// Whether it has to be remembered, so that a retry gets the same answer: entries always, refusals if they have
    /// an idempotency key.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.entry().is_some() || self.id().key().is_some()
    }

    /// The decision on `operation`, which came under the idempotency key of this outcome.
    #[must_use]
    pub fn answer(self, operation: &Operation) -> Decision {
        let same = match &self {
            Self::Posted(entry) => entry.matches(operation),
            Self::Refused(refused) => refused.kind == operation.kind && refused.amount == operation.amount,
        };
        if same { Decision::Known(self) } else { Decision::KeyReuse }
    }
}
