//! The planted bugs by name, where each can be made, and those of a whole request.

use batch::{Job, Missed, Processed, TimedRequest};
use ledger::{Decision, Operation, OperationId, Outcome, User};
use store::{Store, Unavailable};
use teller::Error;
use teller::operation::{LastKnown, OperationAnswer as Done, try_all};

use crate::disk::Flavour;
use crate::task::{Answer, Queues, Task, perform};

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// A swap that was sent counts as done.
    TrustsSuccess,
    /// A swap that was said to have failed counts as not committed (fact 1).
    TrustsCasFailed,
    /// A swap after which the store falls silent is reported as "nothing happened".
    SaysUntouchedAfterASwap,
    /// A swap after which the store falls silent counts as done.
    TakesSilenceForDone,
    /// Compares what was read and sets, without a guard in between.
    SetsInsteadOfSwapping,
    /// An unkeyed request whose outcome is not known is carried out again under a new id.
    RetriesUnderANewId,
    /// Writes the page and the index after the wallet that no longer holds them.
    SealsAfterTheSwap,
    /// Goes on to the swap when the page or the index was not acknowledged.
    DoesNotWaitForTheSeal,
    /// Looks at the wallet only.
    NeverLooksIntoTheIndex,
    /// Looks into the index before it reads the wallet.
    ReadsTheIndexBeforeTheWallet,
    /// Reads pages of history before the wallet that says which there are.
    ReadsPagesBeforeTheWallet,
    /// Reads the page after the one that holds the entry.
    CountsPagesFromOne,
    /// Answers a refusal without remembering it.
    ForgetsRefusals,
    /// Takes an id that the server made for an idempotency key.
    TakesMadeIdsForKeys,
    /// Every opener believes that it was elected.
    OpensWithoutAnElection,
    /// Every opener writes the plain key.
    OpensWithoutATicket,
    /// A second opener that sees nothing under the plain key writes it for the first one.
    TakesTheFirstTicketOver,
    /// Stands for election when its write was not acknowledged.
    StandsBeforeItsWriteIsThere,
    /// Writes the first wallet by a compare-and-swap of an absent key (fact 3).
    SwapsAnAbsentKey,
    /// Writes the elected number in the other backend's form (fact 4).
    ElectsInTheWrongForm,
    /// Reads a counter and sets it (fact 4).
    SetsACounter,
    /// Increments again when the first answer was lost.
    RetriesAnIncrement,
    /// A script whose connection broke counts as not carried out.
    TakesABreakForARefusal,
    /// A write whose connection broke is sent again.
    WritesAgainAfterABreak,
    /// An increment whose connection broke is sent again.
    AddsAgainAfterABreak,
    /// A script that missed its deadline counts as never sent.
    TakesAMissedDeadlineForUnsent,
    /// Of the steps of a batch, each is told what became of the next.
    HandsAnswersToTheWrongStep,
    /// The followers of a request that died are told that nothing happened.
    TellsFollowersUntouched,
    /// A swap looks in one script and writes in another.
    LooksAndWritesInTwoScripts,
    /// A swap does not look whether the index has an operation already.
    SwapsWhatTheIndexKnows,
    /// A swap does not write what leaves the wallet.
    SwapsWithoutTheSeal,
    /// A refusal of a whole script counts as one that it was carried out.
    TakesARefusalForDone,
    /// Each request counts missed deadlines on its own.
    HasABreakerForEachRequest,
    /// A breaker that is open lets calls through.
    SendsThroughAnOpenBreaker,
    /// A batch ends with the deadline of its leader.
    HandsItsDeadlineOn,
    /// A follower waits for its batch, whatever its deadline.
    WaitsPastItsDeadline,
    /// A request that left before it was sent is carried out all the same.
    CarriesOutAbandonedJobs,
    /// A request that left before it was sent does not know what became of it.
    SaysUnknownOfWhatWasNotSent,
    /// A deadline that passed before its batch counts as one that the store missed.
    TakesAQueueForSilence,
    /// Of the operations of a batch, each is answered with the next one's outcome.
    ShiftsAnswersInABatch,
    /// Refuses on a wallet that was handed on, and may be old, without reading it again.
    RefusesOnAnOldWallet,
    /// Seals what was only decided into pages and index, before the swap.
    SealsWhatWasOnlyDecided,
    /// A swap whose outcome is not known counts as lost while the old value is still there.
    ForgetsAnAttempt,
    /// An increment that went past the bound is not taken back.
    NeverTakesItsPartBack,
    /// An increment that went past the bound is taken back twice.
    TakesItsPartBackTwice,
    /// Adds to a sum of keyed posts that was read before, and may be old.
    AddsToAnOldKeyedSum,
    /// Reads a counter's cell before the script that keeps a post under a key.
    ReadsTheCellBeforeTheScript,
    /// Increments at once, before the store has answered anything.
    CallsBeforeTheStoreHasAnswered,
    /// The store forgets a swap that it has carried out, as after a failover.
    ForgetsAnAcknowledgedWrite,
    /// What goes together goes to one node of a cluster, whatever slots it is in.
    SendsTwoSlotsAtOnce,
    /// Whoever was sent on by an `ASK` asks there until it is served.
    FollowsAnAskForEver,
    /// A slot that is only moving is looked for where it moves to, without `ASKING`.
    TakesAnAskForAMove,
    /// Whoever is told that a slot has moved asks the same node again.
    KeepsAStaleMap,
    /// A script that a node has sent elsewhere counts as carried out.
    TakesARedirectForDone,
    /// A script whose connection broke is sent to the node that has the slot then.
    SendsABreakToTheNextNode,
    /// A write that too few replicas have counts as done.
    AcknowledgesBeforeTheReplicaHasIt,
    /// What an earlier request wrote becomes an answer, whether the replica has it or not.
    TakesWhatWasReadForKept,
    /// A write that too few replicas have counts as refused.
    TakesTooFewReplicasForARefusal,
}

impl Bug {
    /// The backends that it can be planted on.
    #[must_use]
    pub fn flavours(self) -> &'static [Flavour] {
        match self {
            Self::NeverTakesItsPartBack
            | Self::TakesItsPartBackTwice
            | Self::CallsBeforeTheStoreHasAnswered => &[Flavour::Sqlite, Flavour::Redis],
            Self::AddsToAnOldKeyedSum => &[Flavour::Sqlite, Flavour::Redis, Flavour::Scripts],
            Self::ReadsTheCellBeforeTheScript => &[Flavour::Scripts],
            _ if self.is_in_a_cluster() => &[Flavour::Cluster],
            _ if self.is_with_a_replica() => &[Flavour::Failover],
            _ if self.is_below_the_adapter() => &[Flavour::Scripts, Flavour::Switching],
            _ => &Flavour::OF_ONE_STORE,
        }
    }

    /// Whether the bug is in a script, or in the handling of its answer.
    pub(super) fn is_below_the_adapter(self) -> bool {
        matches!(
            self,
            Self::TakesABreakForARefusal
                | Self::WritesAgainAfterABreak
                | Self::AddsAgainAfterABreak
                | Self::TakesAMissedDeadlineForUnsent
                | Self::HandsAnswersToTheWrongStep
                | Self::LooksAndWritesInTwoScripts
                | Self::SwapsWhatTheIndexKnows
                | Self::SwapsWithoutTheSeal
                | Self::TakesARefusalForDone
                | Self::RefusesOnAnOldWallet
        ) || self.is_in_a_cluster()
            || self.is_with_a_replica()
    }

    /// Whether the bug is in the handling of a redirect.
    #[must_use]
    pub fn is_in_a_cluster(self) -> bool {
        matches!(
            self,
            Self::SendsTwoSlotsAtOnce
                | Self::FollowsAnAskForEver
                | Self::TakesAnAskForAMove
                | Self::KeepsAStaleMap
                | Self::TakesARedirectForDone
                | Self::SendsABreakToTheNextNode
        )
    }

    /// Whether the bug is in what counts as safe from a failover.
    #[must_use]
    pub fn is_with_a_replica(self) -> bool {
        matches!(
            self,
            Self::AcknowledgesBeforeTheReplicaHasIt
                | Self::TakesWhatWasReadForKept
                | Self::TakesTooFewReplicasForARefusal
        )
    }

    /// Whether it only shows when a store falls silent, which takes more faults than anything else.
    #[must_use]
    pub fn needs_silence(self) -> bool {
        matches!(
            self,
            Self::HasABreakerForEachRequest | Self::SendsThroughAnOpenBreaker | Self::TakesAQueueForSilence
        )
    }

    /// Answers `task` with this bug, if it is one of the whole request.
    pub async fn perform<S: Store + TimedRequest + 'static>(
        self,
        open: impl Fn() -> S,
        batchers: &Queues,
        task: &Task,
    ) -> Answer {
        if let Task::Operate(user, operations) = task
            && let [operation] = &operations[..]
            && self.is_in_the_line()
        {
            let answer = self.batched(&open(), batchers, user, operation.clone()).await;
            return Answer::Operated(vec![answer]);
        }
        let answer = perform(&open, batchers, task).await;
        match (task, answer.unavailable()) {
            (Task::Operate(user, operations), Some(Unavailable::Unknown))
                if self == Self::RetriesUnderANewId && !task.is_keyed() =>
            {
                let again = operations.iter().map(|operation| {
                    let id = OperationId::Made(format!("{}-again", operation.id.as_str()));
                    Operation { id, ..operation.clone() }
                });
                perform(&open, batchers, &Task::Operate(user.clone(), again.collect())).await
            }
            (_, Some(Unavailable::Untouched)) if self == Self::SaysUnknownOfWhatWasNotSent => {
                answer.because(Unavailable::Unknown)
            }
            _ => answer,
        }
    }

    /// Whether the bug is in batching.
    fn is_in_the_line(self) -> bool {
        matches!(
            self,
            Self::TellsFollowersUntouched
                | Self::CarriesOutAbandonedJobs
                | Self::ShiftsAnswersInABatch
                | Self::RefusesOnAnOldWallet
        )
    }

    /// [`teller::batch`] with a bug.
    async fn batched<S: Store + TimedRequest + 'static>(
        self,
        store: &S,
        batchers: &Queues,
        user: &User,
        operation: Operation,
    ) -> Result<Done, Error> {
        let whose = user.clone();
        let commit = async move |jobs: Vec<Job<Operation>>, store: S, seen: &mut LastKnown| {
            let kept = |job: Job<Operation>| match self {
                Self::CarriesOutAbandonedJobs => Job::new(job.what),
                _ => job,
            };
            let jobs: Vec<_> = jobs.into_iter().map(kept).collect();
            if let Some(refused) = refused(seen, &jobs).filter(|_| self == Self::RefusesOnAnOldWallet) {
                return Processed::Answered(vec![Ok(Done { outcome: refused, replayed: false })]);
            }
            let Some(mut answers) = try_all(&store, &whose, &jobs, seen).await else {
                return Processed::Retry(jobs);
            };
            if self == Self::ShiftsAnswersInABatch && answers.len() > 1 {
                answers.rotate_left(1);
            }
            Processed::Answered(answers)
        };
        let answer = batchers.careless.run(user, operation, store, commit).await;
        answer.unwrap_or_else(|missed| {
            Err(match missed {
                Missed::Unanswered if self != Self::TellsFollowersUntouched => Unavailable::Unknown,
                _ => Unavailable::Untouched,
            }
            .into())
        })
    }
}

/// The refusal of the only one of `jobs` on the wallet in `seen`, if there is nothing to keep.
fn refused(seen: &LastKnown, jobs: &[Job<Operation>]) -> Option<Outcome> {
    let ([job], mut wallet) = (jobs, seen.wallet.as_ref()?.wallet().clone()) else { return None };
    match wallet.decide(&job.what) {
        Decision::New(outcome) if !outcome.is_remembered() => Some(outcome),
        _ => None,
    }
}
