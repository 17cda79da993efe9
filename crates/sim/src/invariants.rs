//! What must always hold: a type for each sentence.
//!
//! They are about money ([`money`]: entries, sums, hashes, and what callers may rely on), histories and past
//! balances ([`reading`]), counters ([`counting`]), the use of the store ([`keeping`]) and of a cluster
//! ([`routing`]), and the breaker and batches ([`breaking`]).

pub mod breaking;
pub mod counting;
mod event;
mod invariant;
pub mod keeping;
pub mod money;
pub mod reading;
pub mod routing;

use ledger::Corrupt;

pub use event::{Ended, Event, Sending};
pub use invariant::{Invariant, Verdict, Violation};

/// All of them.
const ALL: &[&dyn Invariant] = &[
    &money::NoOverdraft,
    &money::TheBalanceIsTheSumOfTheEntries,
    &money::SequenceNumbersHaveNoGaps,
    &money::HashesChain,
    &money::EachOperationHappensAtMostOnce,
    &money::EachEntryWasAskedFor,
    &money::NoEntryIsEverLost,
    &money::EachAcknowledgedOperationHappened,
    &money::EachRefusedOperationNeverHappens,
    &money::RefusalsHaveAReason,
    &money::ReplaysEqualTheFirstAnswer,
    &money::WithoutAKeyNothingIsReplayed,
    &money::UntouchedMeansThatNothingHappened,
    &money::OnlyAKeyOfAnotherRequestIsReuse,
    &money::AFailoverForgetsNoAcknowledgedOperation,
    &reading::HistoryIsWhole,
    &reading::PastBalancesAreTheEntries,
    &counting::EachAcknowledgedPostCountsOnce,
    &counting::EachRefusedPostCountsNever,
    &counting::KeyedPostsAddUp,
    &counting::KeyedPostsReplayTheFirstAnswer,
    &counting::TotalsShowWhatWasAcknowledged,
    &counting::APostIsAnsweredWithATotalThatWas,
    &counting::AScriptKeepsTheTotalRightAfterAPost,
    &counting::ScriptsPassNoLimit,
    &counting::AFailoverForgetsNoAcknowledgedPost,
    &keeping::NothingIsCorrupt,
    &keeping::TheWalletStaysUnder8Kb,
    &keeping::SealedBytesNeverChange,
    &keeping::NoKeyIsBothIncrementedAndSet,
    &keeping::NoAbsentKeyIsSwapped,
    &routing::AScriptToAClusterIsOfOneSlot,
    &routing::AnAskIsFollowedByOneAsking,
    &routing::WhatHasMovedIsLookedForWhereItIs,
    &breaking::AnOpenBreakerSendsNothing,
    &breaking::AHalfOpenBreakerSendsOneCall,
    &breaking::ThreeMissedDeadlinesOpenTheBreaker,
    &breaking::AQueueOpensNoBreaker,
    &breaking::NobodyWaitsForNothing,
    &breaking::NobodyWaitsPastItsDeadline,
    &breaking::ADeadlineEndsNobodyElsesWait,
    &breaking::UnknownIsSaidOfWhatWasSent,
    &breaking::WhatCannotBeGivenUpComesAfterAnAnswer,
];

/// Shows `seen` to all invariants.
///
/// # Errors
/// The first one that does not hold.
pub fn check(seen: &Event<'_>) -> Result<(), Violation> {
    ALL.iter().try_for_each(|invariant| {
        invariant.check(seen).map_err(|seen| Violation { sentence: invariant.sentence(), seen })
    })
}

impl Violation {
    /// A stored document that the bank cannot read.
    #[must_use]
    pub fn corrupt(error: &Corrupt) -> Self {
        Self { sentence: keeping::NothingIsCorrupt.sentence(), seen: error.to_string() }
    }
}
