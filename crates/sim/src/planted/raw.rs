//! Planted bugs below the adapters: in how the store's calls are used.

use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use batch::{RemainingWork, TimedRequest};
use ledger::Wallet;
use store::breaker::{Breaker, CallContext, ask};
use store::counter::{self, Form};
use store::kv::{KvFailure, RawKv};
use store::redis::nodes::{self, Nodes};
use store::redis::{self, RawRedis, Step, StepQueue, StepReply, StepVerb};

use super::bug::Bug;
use super::buggy_raw::BuggyRaw;
use super::nodes::send_all;
use crate::call::what;
use crate::invariants::keeping::is_election;

impl<R: RawKv> RawKv for BuggyRaw<R> {
    type Cas = (R::Cas, bool);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        let counted = matches!(what(key), "cell" | "posts" | "posts:elected");
        if self.bug == Bug::CallsBeforeTheStoreHasAnswered && counted {
            return Ok(None);
        }
        self.raw.get(key).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvFailure> {
        self.raw.set(key, value).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvFailure> {
        let cell = self.bug == Bug::SetsACounter && what(key) == "cell";
        let back = delta < 0 && what(key) == "cell";
        match self.bug {
            Bug::NeverTakesItsPartBack if back => return self.raw.increment(key, 0).await,
            Bug::TakesItsPartBackTwice if back => {
                self.raw.increment(key, delta).await?;
                return self.raw.increment(key, delta).await;
            }
            _ => {}
        }
        let Some(stored) = (if cell { self.raw.get(key).await? } else { None }) else {
            return self.raw.increment(key, delta).await;
        };
        let (number, form) = counter::decode(&stored).ok_or(KvFailure::Other)?;
        self.raw.set(key, &counter::encode(number.wrapping_add(delta), form)).await?;
        Ok(number.wrapping_add(delta))
    }

    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), KvFailure> {
        let (cas, mut current) = self.raw.begin(key).await?;
        if self.bug == Bug::SwapsAnAbsentKey && current.is_none() && what(key) == "wallet" {
            current = Some(Wallet::new().encode());
        }
        Ok(((cas, is_election(what(key))), current))
    }

    async fn swap(&self, (cas, election): Self::Cas, value: &[u8]) {
        let other = |(number, form)| match form {
            Form::Bytes => counter::encode(number, Form::Text),
            Form::Text => counter::encode(number, Form::Bytes),
        };
        match counter::decode(value).filter(|_| election && self.bug == Bug::ElectsInTheWrongForm) {
            Some(number) => self.raw.swap(cas, &other(number)).await,
            None => self.raw.swap(cas, value).await,
        }
    }
}

impl<R: RawRedis + Nodes> RawRedis for BuggyRaw<R> {
    async fn run(&self, steps: &[Step]) -> Vec<Result<StepReply, redis::ScriptFailure>> {
        match self.bug {
            Bug::SendsTwoSlotsAtOnce => send_all(&self.raw, steps).await,
            bug if bug.is_in_a_cluster() => nodes::run(self, steps).await,
            _ => redis::answer_each(self.script(steps).await, steps.len()),
        }
    }

    fn waits_for_replicas(&self) -> bool {
        self.raw.waits_for_replicas()
    }

    fn at(&self, key: &str) -> (Self, Rc<StepQueue>) {
        // One line for all slots.
        let key = if self.bug == Bug::SendsTwoSlotsAtOnce { "" } else { key };
        let (raw, steps) = self.raw.at(key);
        (Self::new(raw, self.bug), steps)
    }
}

impl<R: RawRedis> BuggyRaw<R> {
    /// The answer of one server to all the steps.
    async fn asked(&self, steps: &[Step]) -> Result<Vec<StepReply>, redis::ScriptFailure> {
        self.raw.run(steps).await.into_iter().collect()
    }

    async fn script(&self, steps: &[Step]) -> Result<Vec<StepReply>, redis::ScriptFailure> {
        let any = |verb: fn(&StepVerb) -> bool| steps.iter().any(|step| verb(&step.verb));
        let careless: Vec<Step> = steps.iter().map(|step| careless(self.bug, step)).collect();
        let steps = &careless[..];
        match self.bug {
            Bug::TakesAMissedDeadlineForUnsent => {
                let answer = self.raw.by_deadline(self.asked(steps)).await;
                return answer.unwrap_or(Err(redis::ScriptFailure::Refused));
            }
            Bug::LooksAndWritesInTwoScripts => return self.look_and_write(steps).await,
            _ => {}
        }
        let answer = self.asked(steps).await;
        match (self.bug, answer) {
            (Bug::TakesABreakForARefusal, Err(_)) => Err(redis::ScriptFailure::Refused),
            (Bug::TakesARefusalForDone, Err(redis::ScriptFailure::Refused)) => {
                Ok(steps.iter().map(|_| StepReply::Done(None)).collect())
            }
            (Bug::WritesAgainAfterABreak, Err(redis::ScriptFailure::Broken))
                if any(|verb| matches!(verb, StepVerb::Set(_))) =>
            {
                self.asked(steps).await
            }
            (Bug::AddsAgainAfterABreak, Err(redis::ScriptFailure::Broken))
                if any(|verb| {
                    matches!(verb, StepVerb::Add(_) | StepVerb::AddWithin { .. } | StepVerb::Total { .. })
                }) =>
            {
                self.asked(steps).await
            }
            (Bug::AcknowledgesBeforeTheReplicaHasIt, Ok(said)) => Ok(instead(said, &StepReply::Done(None))),
            (Bug::TakesTooFewReplicasForARefusal, Ok(said)) => {
                Ok(instead(said, &StepReply::Refused("NOREPLICAS".to_owned())))
            }
            (Bug::HandsAnswersToTheWrongStep, Ok(mut said)) => {
                let by = usize::from(said.len() > 1);
                said.rotate_left(by);
                Ok(said)
            }
            (_, answer) => answer,
        }
    }
}

/// Replaces the answer if too few replicas have what was written.
fn instead(mut said: Vec<StepReply>, other: &StepReply) -> Vec<StepReply> {
    said.iter_mut().filter(|said| **said == StepReply::TooFewReplicas).for_each(|said| *said = other.clone());
    said
}

/// A swap without what must come before it.
fn careless(bug: Bug, step: &Step) -> Step {
    let mut step = step.clone();
    match (bug, &mut step.verb) {
        (Bug::SwapsWhatTheIndexKnows, StepVerb::Swap { absent, .. }) => absent.clear(),
        (Bug::SwapsWithoutTheSeal, StepVerb::Swap { before, .. }) => before.clear(),
        _ => {}
    }
    step
}

impl<R: RawRedis> BuggyRaw<R> {
    /// As if the script let others in between its `GET` and its `SET`.
    async fn look_and_write(&self, steps: &[Step]) -> Result<Vec<StepReply>, redis::ScriptFailure> {
        let look = |step: &Step| Step { key: step.key.clone(), verb: StepVerb::Get };
        let looks: Vec<Step> = steps.iter().map(look).collect();
        let held = self.asked(&looks).await?;
        let write = |(step, held): (&Step, &StepReply)| match (&step.verb, held) {
            (StepVerb::Swap { current, next, .. }, StepReply::Unchanged(Some(held))) if held == current => {
                Step { key: step.key.clone(), verb: StepVerb::Set(next.clone()) }
            }
            (StepVerb::Swap { .. }, _) => look(step),
            _ => step.clone(),
        };
        let writes: Vec<Step> = steps.iter().zip(&held).map(write).collect();
        if writes == looks { Ok(held) } else { self.asked(&writes).await }
    }
}

impl<R: CallContext> CallContext for BuggyRaw<R> {
    fn now(&self) -> Duration {
        // When it asks whether a call may go, the time for a probe seems to have come long ago.
        let asks = self.bug == Bug::SendsThroughAnOpenBreaker && !self.missed.take();
        self.raw.now().saturating_add(Duration::from_hours(u64::from(asks)))
    }

    fn breaker(&self) -> &Breaker {
        if self.bug == Bug::HasABreakerForEachRequest { &self.own } else { self.raw.breaker() }
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        match self.bug {
            // [`RawRedis::run`] keeps it.
            Bug::TakesAMissedDeadlineForUnsent => Some(call.await),
            _ => {
                let answer = self.raw.by_deadline(call).await;
                self.missed.set(answer.is_none());
                answer
            }
        }
    }
}

/// A request whose every call misses its deadline.
struct Silence<'a>(&'a Breaker, Duration);

impl CallContext for Silence<'_> {
    fn now(&self) -> Duration {
        self.1
    }

    fn breaker(&self) -> &Breaker {
        self.0
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let _ = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
        None
    }
}

impl<R: CallContext + TimedRequest> TimedRequest for BuggyRaw<R> {
    fn deadline(&self) -> Duration {
        self.raw.deadline()
    }

    fn until(&self, deadline: Duration) -> Self {
        let hands_on = self.bug == Bug::HandsItsDeadlineOn;
        Self::new(self.raw.until(if hands_on { self.raw.deadline() } else { deadline }), self.bug)
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        match self.bug {
            Bug::WaitsPastItsDeadline => Some(call.await),
            Bug::TakesAQueueForSilence => {
                let answer = self.raw.in_time(call).await;
                if answer.is_none() {
                    let _ = ask(&Silence(self.raw.breaker(), self.raw.now()), pending::<()>()).await;
                }
                answer
            }
            _ => self.raw.in_time(call).await,
        }
    }

    fn spawn(&self, rest: RemainingWork) {
        self.raw.spawn(rest);
    }
}
