//! Why an operation is refused.

use crate::Corrupt;

/// Why the rules of money refuse an operation. The wallet is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A withdrawal of more than the balance.
    InsufficientFunds,
    /// A deposit that would take the balance past 15 integer digits.
    LimitExceeded,
}

impl Refusal {
    /// The word for it in stored documents; also the problem's code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient-funds",
            Self::LimitExceeded => "limit-exceeded",
        }
    }

    /// Reads the word back.
    pub(crate) fn restore(word: &str) -> Result<Self, Corrupt> {
        [Self::InsufficientFunds, Self::LimitExceeded]
            .into_iter()
            .find(|refusal| refusal.as_str() == word)
            .ok_or(Corrupt("a refusal is unknown"))
    }
}
