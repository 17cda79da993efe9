//! The bank's side of the seam: each call of [`RawKv`] and [`RawRedis`] waits until the world answers it.
//!
//! A [`Mailbox`] belongs to a seat. A call is noted in it when it is first polled. If its future is dropped before
//! its reply was sent, the call is dropped too, and its write may still land (fact 7).
//!
//! Deadlines have an order and no length: the deadline of a store that was opened later passes later. When one
//! passes, all earlier ones have passed too.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use batch::{RemainingWork, TimedRequest};
use store::breaker::{Breaker, CallContext};
use store::kv::{KvFailure, RawKv};
use store::reason::Reason;
use store::redis::cluster::{Node, Redirect, SlotMap};
use store::redis::nodes::{self, Nodes, StepQueues, Unanswered};
use store::redis::script::{ReplyValue, mark_too_few_replicas};
use store::redis::{self, RawRedis, Step, StepQueue, StepReply};

use crate::call::{Call, Reply};
use crate::cluster;
use crate::disk::Adapter;

/// A call that has not been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Counts the request's calls.
    pub number: u32,
    /// What it asks.
    pub call: Call,
    /// The request's deadline ends it.
    pub bound: bool,
}

#[derive(Debug)]
enum Slot {
    Waiting { pending: Pending, waker: Waker },
    Answered(Reply),
}

/// The calls of one seat: those of its request, and those of the work that earlier requests have left for others. And
/// the deadline of its request.
#[derive(Debug, Default)]
pub struct Mailbox {
    slots: RefCell<BTreeMap<u32, Slot>>,
    made: Cell<u32>,
    abandoned: RefCell<Vec<Pending>>,
    bound: Cell<bool>,
    deadline: Cell<u32>,
}

/// What the requests of an instance share with every call.
#[derive(Default)]
pub struct Shared {
    /// The instance's breaker.
    pub breaker: Breaker,
    /// The time since it began.
    pub now: Cell<Duration>,
    /// The steps that wait for the script in flight.
    waits: StepQueues,
    /// How the store is reached.
    adapter: Adapter,
    /// What is known of the cluster.
    map: RefCell<SlotMap>,
    /// Work that answered requests have left for others.
    pub carried: RefCell<Vec<RemainingWork>>,
    opened: Cell<u32>,
    passed: Cell<u32>,
}

/// The store as one request sees it, until its deadline.
pub struct Raw {
    mailbox: Rc<Mailbox>,
    deadline: u32,
    shared: Rc<Shared>,
}

/// A call under way.
struct Asking {
    mailbox: Rc<Mailbox>,
    call: Option<Call>,
    number: u32,
}

impl Shared {
    /// The state of an instance that has not asked for anything.
    #[must_use]
    pub fn new(adapter: Adapter) -> Rc<Self> {
        Rc::new(Self { adapter, ..Self::default() })
    }
}

impl Mailbox {
    /// The store for a request whose deadline begins now.
    #[must_use]
    pub fn open(self: &Rc<Self>, shared: &Rc<Shared>) -> Raw {
        let deadline = shared.opened.get() + 1;
        shared.opened.set(deadline);
        self.deadline.set(deadline);
        Raw { mailbox: Rc::clone(self), deadline, shared: Rc::clone(shared) }
    }

    /// Answers call `number`. Returns whether a deadline could have ended it.
    pub fn answer(&self, number: u32, reply: Reply) -> bool {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(&number) else { return false };
        let Slot::Waiting { pending, waker } = std::mem::replace(slot, Slot::Answered(reply)) else {
            return false;
        };
        waker.wake();
        pending.bound
    }

    /// Lets the deadline of its request pass.
    pub fn expire(&self, shared: &Shared) {
        shared.passed.set(shared.passed.get().max(self.deadline.get()));
    }

    /// Whether the deadline of its request has passed.
    #[must_use]
    pub fn is_late(&self, shared: &Shared) -> bool {
        shared.passed.get() >= self.deadline.get()
    }

    /// The calls that wait for an answer, in the order in which they were made.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let waiting = |slot: &Slot| match slot {
            Slot::Waiting { pending, .. } => Some(pending.clone()),
            Slot::Answered(_) => None,
        };
        self.slots.borrow().values().filter_map(waiting).collect()
    }

    /// The calls that nobody waits for any more, since the last time.
    #[must_use]
    pub fn abandoned(&self) -> Vec<Pending> {
        self.abandoned.take()
    }

    fn note(&self, call: Call, waker: &Waker) -> u32 {
        let number = self.made.get();
        self.made.set(number + 1);
        let pending = Pending { number, call, bound: self.bound.get() };
        self.slots.borrow_mut().insert(number, Slot::Waiting { pending, waker: waker.clone() });
        number
    }
}

impl Future for Asking {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        if let Some(call) = self.call.take() {
            self.number = self.mailbox.note(call, context.waker());
            return Poll::Pending;
        }
        let mut slots = self.mailbox.slots.borrow_mut();
        match slots.remove(&self.number) {
            Some(Slot::Answered(reply)) => Poll::Ready(reply),
            other => {
                slots.extend(other.map(|slot| (self.number, slot)));
                Poll::Pending
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self.call.is_some() {
            return;
        }
        let slot = self.mailbox.slots.borrow_mut().remove(&self.number);
        if let Some(Slot::Waiting { pending, .. }) = slot {
            self.mailbox.abandoned.borrow_mut().push(pending);
        }
    }
}

impl Raw {
    fn is_late(&self) -> bool {
        self.shared.passed.get() >= self.deadline
    }

    fn ask(&self, call: Call) -> Asking {
        Asking { mailbox: Rc::clone(&self.mailbox), call: Some(call), number: 0 }
    }
}

impl RawKv for Raw {
    /// The number of the call that began it, and its key.
    type Cas = (u32, String);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        match self.ask(Call::Get(key.into())).await {
            Reply::Value(value) => Ok(value.map(|value| value.bytes().to_vec())),
            other => Err(failed(&other)),
        }
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvFailure> {
        match self.ask(Call::Set(key.into(), value.into())).await {
            Reply::Ended => Ok(()),
            other => Err(failed(&other)),
        }
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvFailure> {
        match self.ask(Call::Increment(key.into(), delta)).await {
            Reply::Number(sum) => Ok(sum),
            other => Err(failed(&other)),
        }
    }

    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), KvFailure> {
        let mut asking = self.ask(Call::Begin(key.into()));
        match (&mut asking).await {
            Reply::Value(value) => {
                Ok(((asking.number, key.to_owned()), value.map(|value| value.bytes().to_vec())))
            }
            other => Err(failed(&other)),
        }
    }

    async fn swap(&self, (begun, key): Self::Cas, value: &[u8]) {
        self.ask(Call::Swap { begun, key: key.as_str().into(), value: value.into() }).await;
    }
}

impl RawRedis for Raw {
    async fn run(&self, steps: &[Step]) -> Vec<Result<StepReply, redis::ScriptFailure>> {
        if self.shared.adapter == Adapter::Cluster {
            return nodes::run(self, steps).await;
        }
        let answer = match self.ask(Call::Script(steps.into())).await {
            Reply::Steps(said) => Ok(self.keep(said).await),
            Reply::Refused => Err(redis::ScriptFailure::Refused),
            _ => Err(redis::ScriptFailure::Broken),
        };
        redis::answer_each(answer, steps.len())
    }

    fn at(&self, key: &str) -> (Self, Rc<StepQueue>) {
        let steps = self.shared.waits.at(&self.shared.map.borrow(), key);
        (self.until(self.deadline()), steps)
    }

    fn waits_for_replicas(&self) -> bool {
        self.shared.adapter == Adapter::Waiting
    }
}

impl Raw {
    /// Waits until the replica has what was written, or marks it as `TooFewReplicas`.
    async fn keep(&self, mut said: Vec<StepReply>) -> Vec<StepReply> {
        if self.waits_for_replicas() && said.iter().any(StepReply::is_done) {
            let have = self.ask(Call::Wait).await;
            if !matches!(have, Reply::Number(1..)) {
                mark_too_few_replicas(&mut said);
            }
        }
        said
    }
}

impl Nodes for Raw {
    fn map(&self) -> &RefCell<SlotMap> {
        &self.shared.map
    }

    async fn eval(&self, node: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
        let steps = steps.iter().copied().cloned().collect();
        let node = node.address(cluster::URL).into();
        match self.ask(Call::Eval { node, asking, steps }).await {
            Reply::Steps(said) => Ok(said),
            Reply::Elsewhere(text) => {
                let reason = Reason::of(&text);
                let redirect = Redirect::of(reason, &text);
                Err(redirect.map_or(Unanswered::Away, |redirect| Unanswered::Redirected(redirect, reason)))
            }
            Reply::Away => Err(Unanswered::Away),
            Reply::Refused => Err(Unanswered::Failed(redis::ScriptFailure::Refused)),
            _ => Err(Unanswered::Failed(redis::ScriptFailure::Broken)),
        }
    }

    async fn slots(&self, node: &Node) -> Vec<ReplyValue> {
        let Reply::Map(ranges) = self.ask(Call::Slots(node.address(cluster::URL).into())).await else {
            return Vec::new();
        };
        let range = |(first, last, port): (u16, u16, u16)| {
            let host = ReplyValue::Bytes(b"node".into());
            [
                ReplyValue::Code(first.into()),
                ReplyValue::Code(last.into()),
                host,
                ReplyValue::Code(port.into()),
            ]
        };
        let id = || ReplyValue::Bytes(b"id".into());
        ranges.into_iter().flat_map(|of| range(of).into_iter().chain([id()])).collect()
    }

    fn now(&self) -> Duration {
        self.shared.now.get()
    }

    /// Other calls may come in between, as at any call.
    async fn pause(&self, _: Duration) -> bool {
        batch::yield_now().await;
        !self.is_late()
    }
}

impl CallContext for Raw {
    fn now(&self) -> Duration {
        self.shared.now.get()
    }

    fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.is_late() {
                return Poll::Ready(None);
            }
            self.mailbox.bound.set(true);
            let answer = call.as_mut().poll(context);
            self.mailbox.bound.set(false);
            answer.map(Some)
        })
        .await
    }
}

impl TimedRequest for Raw {
    fn deadline(&self) -> Duration {
        Duration::from_nanos(self.deadline.into())
    }

    fn until(&self, deadline: Duration) -> Self {
        let deadline = u32::try_from(deadline.as_nanos()).unwrap_or(u32::MAX);
        Self { mailbox: Rc::clone(&self.mailbox), deadline, shared: Rc::clone(&self.shared) }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.is_late() {
                return Poll::Ready(None);
            }
            call.as_mut().poll(context).map(Some)
        })
        .await
    }

    fn spawn(&self, rest: RemainingWork) {
        self.shared.carried.borrow_mut().push(rest);
    }
}

fn failed(reply: &Reply) -> KvFailure {
    if *reply == Reply::Overflow { KvFailure::Overflow } else { KvFailure::Other }
}
