//! What must always hold: a type for each sentence.
//!
//! They are about money ([`money`]: entries, sums, hashes, and what callers may rely on), histories and past
//! balances ([`reading`]), counters ([`counting`]), the use of the store ([`keeping`]) and of a cluster
//! ([`routing`]), and the breaker and batches ([`breaking`]).

pub mod breaking;
pub mod counting;
pub mod keeping;
pub mod money;
pub mod reading;
pub mod routing;

use std::fmt;

pub use breaking::Sending;
use ledger::{Corrupt, Entry, Post, Tally, Wallet};

use store::Unavailable;

use crate::call::Call;
use crate::cluster::SentOn;
use crate::disk::Written;
use crate::model::{Account, Meter, Model};
use crate::task::{Answer, Task};

/// Something that was seen to happen.
#[derive(Debug)]
pub enum Event<'a> {
    /// A write has taken effect.
    Written(&'a Written),
    /// A reader finds this wallet, where it found another one before.
    Shown(&'a Account, &'a Wallet),
    /// An entry came to be.
    Posted(&'a Account, &'a Entry),
    /// A reader finds these keyed posts.
    Tallied(&'a Meter, &'a Tally),
    /// A failover has left this of a wallet.
    FellBack(&'a Account),
    /// A failover has left this of a counter.
    CountedLess(&'a Meter),
    /// A script has just kept this post under a key.
    Kept(&'a Meter, &'a Post),
    /// A request has ended.
    Ended(&'a Model, &'a Ended<'a>),
    /// An instance has done what it had to do, and perhaps sent something.
    Sent(&'a Sending),
    /// A request has ended, and perhaps without an answer of the store.
    Unanswered {
        /// What was asked.
        task: &'a Task,
        /// What its caller knows, where the store did not answer.
        unavailable: Option<Unavailable>,
        /// A call that may have carried it out was sent.
        sent: bool,
        /// Only another request's deadline has passed.
        of_others: bool,
    },
    /// A call was made that no deadline can end.
    Unbound {
        /// The call.
        call: &'a Call,
        /// The store has answered its request, and nothing was missed in the instance since.
        answered: bool,
    },
    /// A call was made.
    Asked {
        /// The call.
        call: &'a Call,
        /// Where its instance was just sent.
        told: Option<&'a SentOn>,
        /// The instance knows that this is a cluster.
        knows: bool,
    },
    /// A deadline has passed.
    Late {
        /// Its request still waits for something that it need not wait for.
        waits: bool,
    },
    /// An instance waits until the store answers.
    Settled {
        /// Requests are under way.
        busy: bool,
        /// Calls wait for an answer.
        waits: bool,
    },
}

/// A request that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was asked.
    pub task: &'a Task,
    /// What was answered.
    pub answer: &'a Answer,
    /// The state of the wallet, or the acknowledged part of the counter, when the request began.
    pub began: i64,
    /// Which of its operations a write of the request carried out, one bit for each.
    pub moved: u64,
    /// The sum of the request's increments of a counter's cell.
    pub net: i64,
    /// The totals that the counter has had since a post without a key took effect; of one that a script has
    /// added, the one right after it.
    pub totals: &'a [i64],
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's sentence.
    pub sentence: &'static str,
    /// What was seen instead.
    pub seen: String,
}

/// The result of a check: success, or what was seen instead.
pub type Verdict = Result<(), String>;

/// A sentence that must hold.
pub trait Invariant {
    /// The sentence.
    fn sentence(&self) -> &'static str;

    /// Looks at something that happened.
    ///
    /// # Errors
    /// What was seen instead.
    fn check(&self, seen: &Event<'_>) -> Verdict;
}

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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken: {}\n  seen: {}", self.sentence, self.seen)
    }
}

/// `Err(says)` unless `holds`.
fn must(holds: bool, says: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(says()) }
}

/// Declares an invariant: its type, its sentence, and what it looks at.
macro_rules! invariant {
    ($(#[$doc:meta])* $name:ident: $sentence:literal, $seen:ident => $check:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl $crate::invariants::Invariant for $name {
            fn sentence(&self) -> &'static str {
                $sentence
            }

            fn check(&self, $seen: &$crate::invariants::Event<'_>) -> $crate::invariants::Verdict {
                $check
            }
        }
    };
}
use invariant;
