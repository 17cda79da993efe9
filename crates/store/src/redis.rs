//! The `redis` adapter: the same keys and values as [`crate::kv`], straight on Redis.
//!
//! Every call is a [`Step`] of a script, which Redis carries out atomically ([`script`]). While a script is in
//! flight, all steps that arrive in the same instance wait, and then go together in the next script: the more load,
//! the less each step costs. A script may take as long as the latest deadline of its requests allows; each request
//! gets its answer by its own deadline, wherever its step is.
//!
//! It assumes that the steps of a script happen in order or, if the connection breaks, perhaps not at all, and that
//! an error of Redis itself means that nothing was done. A swap whose answer was lost is [`Swap::Unknown`]: it may
//! still commit as long as the document holds the value that it replaces, and never after. A read whose connection
//! broke is sent again, once, on the next connection.
//!
//! In a Redis Cluster the steps for each slot have a queue of their own, and each node has a breaker of its own, so
//! a node that is away affects only requests that need it ([`nodes`], [`cluster`]).

use std::rc::Rc;
use std::time::Duration;

use batch::{Batcher, Job, RemainingWork, TimedRequest};

use crate::breaker::{CallContext, Missed, ask};
use crate::counter;
use crate::first_write::Found;
use crate::keys::ElectedKeys;
use crate::{
    Added, Counter, Document, Election, NotIncremented, Store, Swap, SwapPrerequisites, Unavailable,
    ValueWithTotal, keys,
};

pub mod cluster;
pub mod model;
pub mod nodes;
pub mod readiness;
pub mod risks;
pub mod script;

pub use script::{Step, StepReply, StepVerb};

/// Sends the scripts of one request, with its deadline and its instance's breaker.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait RawRedis: CallContext + TimedRequest + Sized + 'static {
    /// Carries out `steps` in one script; returns an answer to each.
    async fn run(&self, steps: &[Step]) -> Vec<Result<StepReply, ScriptFailure>>;

    /// The same request with the breaker of the server that has a key, as far as is known, and the queue of steps on
    /// that key.
    fn at(&self, key: &str) -> (Self, Rc<StepQueue>);

    /// Whether a write is answered with [`StepReply::TooFewReplicas`] if too few replicas have it.
    fn waits_for_replicas(&self) -> bool {
        false
    }
}

/// The result of each of the steps that were sent in one script.
pub fn answer_each(
    answer: Result<Vec<StepReply>, ScriptFailure>,
    steps: usize,
) -> Vec<Result<StepReply, ScriptFailure>> {
    match answer {
        Ok(said) => said.into_iter().map(Ok).collect(),
        Err(failed) => vec![Err(failed); steps],
    }
}

/// The script was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptFailure {
    /// Redis, or the connection to it, reports that the script was not carried out.
    Refused,
    /// The connection broke: the script may have been carried out, or may still be.
    Broken,
    /// Nothing was carried out: this is a cluster, where scripts go slot by slot.
    BySlot,
}

/// The result of a step.
type StepResult = Result<StepReply, StepFailure>;

/// Why a step has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepFailure {
    /// It was not and will not be carried out.
    NotDone,
    /// It was sent, and its deadline passed, or the leader of its batch is gone.
    Missed,
    /// The connection broke.
    Broken,
}

/// The queue of steps of one instance, for one server or for one slot. Each batch is one script. A step that comes
/// back is tried again.
pub type StepQueue = Batcher<Step, Result<StepResult, Box<Step>>>;

/// The port straight on Redis, for one request.
pub struct Redis<R>(R);

impl<R: RawRedis> Redis<R> {
    /// The port for one request, with the deadline of `raw`.
    pub fn new(raw: R) -> Self {
        Self(raw)
    }

    async fn step(&self, key: &str, verb: StepVerb) -> StepResult {
        let step = Step { key: key.to_owned(), verb };
        let again = step.verb.is_read().then(|| step.clone());
        let answer = self.run_step(step).await;
        match (answer, again) {
            (Err(StepFailure::Broken), Some(step)) => self.run_step(step).await,
            (answer, _) => answer,
        }
    }

    async fn run_step(&self, mut step: Step) -> StepResult {
        loop {
            let (raw, steps) = self.0.at(&step.key);
            match steps.run(step, &raw, send).await {
                Ok(Ok(answer)) => return answer,
                // It waits for its slot now.
                Ok(Err(again)) => step = *again,
                Err(Missed::Unsent) => return Err(StepFailure::NotDone),
                Err(Missed::Unanswered) => return Err(StepFailure::Missed),
            }
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        match self.step(key, StepVerb::Get).await {
            Ok(StepReply::Unchanged(value)) => Ok(value),
            _ => Err(Unavailable::Untouched),
        }
    }

    /// The elected ticket, once it is as safe as an acknowledged write: if a failover forgot the election, writes
    /// under its ticket would be found by nobody.
    async fn confirm_elected(&self, key: &Election, elected: i64) -> Result<i64, Unavailable> {
        if !self.0.waits_for_replicas() {
            return Ok(elected);
        }
        let text = elected.to_string().into_bytes();
        let verb =
            StepVerb::Swap { current: text.clone(), next: text, absent: Vec::new(), before: Vec::new() };
        match self.step(key.as_str(), verb).await {
            Ok(StepReply::Done(_)) => Ok(elected),
            other => Err(write_failure(&other)),
        }
    }

    async fn number(&self, key: &str) -> Result<Option<i64>, Unavailable> {
        let stored = self.read(key).await?;
        stored.map(|stored| counter::decode_text(&stored).ok_or(Unavailable::Untouched)).transpose()
    }
}

/// Sends the steps whose requests still wait, in one script. Returns an answer to each, or the step if it is tried
/// again.
async fn send<R: RawRedis>(jobs: Vec<Job<Step>>, raw: R, (): &mut ()) -> Vec<Result<StepResult, Box<Step>>> {
    let sent: Vec<bool> = jobs.iter().map(Job::mark_sent).collect();
    let steps: Vec<Step> =
        jobs.into_iter().zip(&sent).filter(|(_, sent)| **sent).map(|(job, _)| job.what).collect();
    let answers = match ask(&raw, raw.run(&steps)).await {
        Ok(said) => said,
        Err(Missed::Unsent) => vec![Err(ScriptFailure::Refused); steps.len()],
        Err(Missed::Unanswered) => Vec::new(),
    };
    let mut answers = answers.into_iter();
    let mut said = steps.into_iter().map(|step| match answers.next() {
        Some(Ok(said)) => Ok(Ok(said)),
        Some(Err(ScriptFailure::Refused)) => Ok(Err(StepFailure::NotDone)),
        Some(Err(ScriptFailure::Broken)) => Ok(Err(StepFailure::Broken)),
        Some(Err(ScriptFailure::BySlot)) => Err(Box::new(step)),
        None => Ok(Err(StepFailure::Missed)),
    });
    let answer = |sent| {
        if sent { said.next().unwrap_or(Ok(Err(StepFailure::Missed))) } else { Ok(Err(StepFailure::NotDone)) }
    };
    sent.into_iter().map(answer).collect()
}

/// Whether a step was refused because the sum would be too large.
pub(crate) fn is_overflow(why: &str) -> bool {
    why.split(' ').any(|word| word == "overflow")
}

/// Whether a write with this answer may have happened.
fn write_failure(answer: &StepResult) -> Unavailable {
    match answer {
        Ok(StepReply::TooFewReplicas) | Err(StepFailure::Missed | StepFailure::Broken) => {
            Unavailable::Unknown
        }
        Ok(_) | Err(StepFailure::NotDone) => Unavailable::Untouched,
    }
}

/// The total after a post, and the document that has the keyed part.
fn parse_total(said: &[u8], key: Document) -> Option<Added> {
    let mut parts = said.splitn(2, |byte| *byte == b' ');
    let total = counter::decode_text(parts.next()?)?;
    Some(Added::Total(total, parts.next().map(|value| Found { key, value: value.to_vec() })))
}

/// The result of a swap with this answer.
fn swap_result(answer: StepResult) -> Result<Swap, Unavailable> {
    match answer {
        Ok(StepReply::Done(_)) => Ok(Swap::Done),
        Ok(StepReply::Unchanged(value)) => Ok(Swap::Lost(value)),
        Err(StepFailure::Broken) => Ok(Swap::Unknown),
        other => Err(write_failure(&other)),
    }
}

impl<R: RawRedis> TimedRequest for Redis<R> {
    fn deadline(&self) -> Duration {
        self.0.deadline()
    }

    fn until(&self, deadline: Duration) -> Self {
        Self(self.0.until(deadline))
    }

    fn in_time<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        self.0.in_time(call)
    }

    fn spawn(&self, rest: RemainingWork) {
        self.0.spawn(rest);
    }
}

impl<R: RawRedis> Store for Redis<R> {
    async fn get(&self, key: &Document) -> Result<Option<Vec<u8>>, Unavailable> {
        self.read(key.as_str()).await
    }

    async fn set(&self, key: &Document, value: &[u8]) -> Result<(), Unavailable> {
        match self.step(key.as_str(), StepVerb::Set(value.to_vec())).await {
            Ok(StepReply::Done(_)) => Ok(()),
            other => Err(write_failure(&other)),
        }
    }

    async fn swap(&self, key: &Document, current: &[u8], next: &[u8]) -> Result<Swap, Unavailable> {
        self.swap_after(SwapPrerequisites::default(), key, current, next).await
    }

    async fn swap_after(
        &self,
        before: SwapPrerequisites<'_>,
        key: &Document,
        current: &[u8],
        next: &[u8],
    ) -> Result<Swap, Unavailable> {
        let text = |key: &Document| key.as_str().to_owned();
        let verb = StepVerb::Swap {
            current: current.to_vec(),
            next: next.to_vec(),
            absent: before.absent.iter().map(text).collect(),
            before: before.written.iter().map(|(key, value)| (text(key), value.clone())).collect(),
        };
        swap_result(self.step(key.as_str(), verb).await)
    }

    async fn confirm_replicated(&self, key: &Document, value: &[u8]) -> Result<bool, Unavailable> {
        if !self.0.waits_for_replicas() {
            return Ok(true);
        }
        // A write that changes nothing. It comes after all writes that led to this value, so a replica that has it
        // has all of them.
        self.swap(key, value, value).await.map(|swap| swap == Swap::Done)
    }

    async fn write_first(
        &self,
        opening: &ElectedKeys,
        empty: &[u8],
        first: &[u8],
    ) -> Result<Swap, Unavailable> {
        let verb = StepVerb::First {
            tickets: opening.tickets().as_str().to_owned(),
            elected: opening.election().as_str().to_owned(),
            empty: empty.to_vec(),
            first: first.to_vec(),
        };
        swap_result(self.step(opening.plain().as_str(), verb).await)
    }

    fn shares_round_trips(&self) -> bool {
        true
    }

    async fn step_aside(&self, together: u32) -> bool {
        self.0.by_deadline(self.0.step_aside(together)).await;
        true
    }

    async fn add_to_total(
        &self,
        counter: &keys::CounterKeys,
        delta: i64,
        limit: i64,
    ) -> Result<Added, Unavailable> {
        let (cell, posts) = (counter.cell(), counter.posts());
        let mut ticket = 1;
        // An election is for ever, so a losing ticket goes to the elected one.
        for _ in 0..2 {
            let document = posts.of_ticket(ticket);
            let verb = StepVerb::Total {
                election: posts.election().as_str().to_owned(),
                document: document.as_str().to_owned(),
                ticket,
                delta,
                bound: limit,
            };
            match self.step(cell.as_str(), verb).await {
                Ok(StepReply::Done(total)) => {
                    let total = total.as_deref().and_then(|said| parse_total(said, document));
                    return total.ok_or(Unavailable::Unknown);
                }
                Ok(StepReply::Unchanged(None)) => return Ok(Added::OverLimit),
                Ok(StepReply::Unchanged(Some(elected))) => {
                    ticket = counter::decode_text(&elected).ok_or(Unavailable::Untouched)?;
                }
                Ok(StepReply::Refused(why)) if why == script::NO_SUM => return Ok(Added::PostsUnreadable),
                other => return Err(write_failure(&other)),
            }
        }
        Err(Unavailable::Untouched)
    }

    async fn swap_total(
        &self,
        key: &Document,
        current: &[u8],
        next: ValueWithTotal<'_>,
    ) -> Result<(Swap, Option<i64>), Unavailable> {
        let ValueWithTotal { cell, own, limit, head, tail, otherwise } = next;
        let verb = StepVerb::Post {
            current: current.to_vec(),
            head: head.to_vec(),
            tail: tail.to_vec(),
            otherwise: otherwise.to_vec(),
            cell: cell.as_str().to_owned(),
            own,
            bound: limit,
        };
        match self.step(key.as_str(), verb).await {
            Ok(StepReply::Done(Some(total))) => {
                let total = counter::decode_text(&total).ok_or(Unavailable::Unknown)?;
                Ok((Swap::Done, Some(total)))
            }
            other => swap_result(other).map(|swap| (swap, None)),
        }
    }

    async fn count(&self, key: &Counter) -> Result<i64, Unavailable> {
        self.number(key.as_str()).await.map(|number| number.unwrap_or(0))
    }

    async fn increment(&self, key: &Counter, delta: i64) -> Result<i64, NotIncremented> {
        match self.step(key.as_str(), StepVerb::Add(delta)).await {
            Ok(StepReply::Done(sum)) => {
                sum.as_deref().and_then(counter::decode_text).ok_or(Unavailable::Unknown.into())
            }
            Ok(StepReply::Refused(why)) if is_overflow(&why) => Err(NotIncremented::Overflow),
            other => Err(write_failure(&other).into()),
        }
    }

    async fn increment_within(
        &self,
        key: &Counter,
        delta: i64,
        bound: i64,
    ) -> Result<Option<i64>, Unavailable> {
        match self.step(key.as_str(), StepVerb::AddWithin { delta, bound }).await {
            Ok(StepReply::Done(sum)) => {
                let sum = sum.as_deref().and_then(counter::decode_text);
                sum.map(Some).ok_or(Unavailable::Unknown)
            }
            Ok(StepReply::Unchanged(_)) => Ok(None),
            Ok(StepReply::Refused(why)) if is_overflow(&why) => Ok(None),
            other => Err(write_failure(&other)),
        }
    }

    async fn elected(&self, key: &Election) -> Result<Option<i64>, Unavailable> {
        match self.number(key.as_str()).await?.filter(|&elected| elected != 0) {
            Some(elected) => {
                self.confirm_elected(key, elected).await.map(Some).map_err(|_| Unavailable::Untouched)
            }
            None => Ok(None),
        }
    }

    async fn elect(&self, key: &Election, candidate: i64) -> Result<i64, Unavailable> {
        match self.step(key.as_str(), StepVerb::Elect(candidate)).await {
            Ok(StepReply::Done(elected)) => {
                elected.as_deref().and_then(counter::decode_text).ok_or(Unavailable::Unknown)
            }
            Ok(StepReply::Unchanged(elected)) => {
                let elected =
                    elected.as_deref().and_then(counter::decode_text).ok_or(Unavailable::Unknown)?;
                self.confirm_elected(key, elected).await
            }
            other => Err(write_failure(&other)),
        }
    }
}

#[cfg(test)]
mod tests;
