//! The bank's side of the seam: [`RawKv`] and [`RawRedis`] whose every call waits until the world answers it.
//!
//! A [`Mailbox`] belongs to one request. Calls are noted in it when they are first polled; a call whose
//! future is dropped before its reply was sent, and its write may still land (fact 7).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use store::breaker::{Breaker, Limits};
use store::kv::{Failed, RawKv};
use store::redis::{self, RawRedis, Said, Step};

use crate::call::{Call, Reply};

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
    Taken,
}

/// The calls of one request, and its deadline.
#[derive(Debug, Default)]
pub struct Mailbox {
    slots: RefCell<Vec<Slot>>,
    abandoned: RefCell<Vec<Pending>>,
    bound: Cell<bool>,
    deadline: RefCell<Rc<Cell<bool>>>,
}

/// What the requests of an instance share with every call: its breaker, and the time.
#[derive(Debug, Default)]
pub struct Shared {
    /// The instance's breaker.
    pub breaker: Breaker,
    /// The time since it began.
    pub now: Cell<Duration>,
}

/// The store as one request sees it, until its deadline.
#[derive(Debug)]
pub struct Raw {
    mailbox: Rc<Mailbox>,
    passed: Rc<Cell<bool>>,
    shared: Rc<Shared>,
}

/// A call under way.
struct Asking {
    mailbox: Rc<Mailbox>,
    call: Option<Call>,
    number: u32,
}

impl Mailbox {
    /// The store for a request whose deadline begins now.
    #[must_use]
    pub fn open(self: &Rc<Self>, shared: &Rc<Shared>) -> Raw {
        let passed = Rc::new(Cell::new(false));
        *self.deadline.borrow_mut() = Rc::clone(&passed);
        Raw { mailbox: Rc::clone(self), passed, shared: Rc::clone(shared) }
    }

    /// Answers call `number`.
    pub fn answer(&self, number: u32, reply: Reply) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(number as usize)
            && let Slot::Waiting { waker, .. } = std::mem::replace(slot, Slot::Answered(reply))
        {
            waker.wake();
        }
    }

    /// Lets the deadline pass.
    pub fn expire(&self) {
        self.deadline.borrow().set(true);
    }

    /// The calls that wait for an answer, in the order in which they were made.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let waiting = |slot: &Slot| match slot {
            Slot::Waiting { pending, .. } => Some(pending.clone()),
            Slot::Answered(_) | Slot::Taken => None,
        };
        self.slots.borrow().iter().filter_map(waiting).collect()
    }

    /// The calls that nobody waits for any more, since this was last asked.
    #[must_use]
    pub fn abandoned(&self) -> Vec<Pending> {
        self.abandoned.take()
    }

    fn note(&self, call: Call, waker: &Waker) -> u32 {
        let mut slots = self.slots.borrow_mut();
        let number = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let pending = Pending { number, call, bound: self.bound.get() };
        slots.push(Slot::Waiting { pending, waker: waker.clone() });
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
        let Some(slot) = slots.get_mut(self.number as usize) else { return Poll::Pending };
        match std::mem::replace(slot, Slot::Taken) {
            Slot::Answered(reply) => Poll::Ready(reply),
            other => {
                *slot = other;
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
        if let Some(slot) = self.mailbox.slots.borrow_mut().get_mut(self.number as usize)
            && let Slot::Waiting { pending, .. } = std::mem::replace(slot, Slot::Taken)
        {
            self.mailbox.abandoned.borrow_mut().push(pending);
        }
    }
}

impl Raw {
    fn ask(&self, call: Call) -> Asking {
        Asking { mailbox: Rc::clone(&self.mailbox), call: Some(call), number: 0 }
    }
}

impl RawKv for Raw {
    /// The number of the call that began it, and its key.
    type Cas = (u32, String);

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        match self.ask(Call::Get(key.into())).await {
            Reply::Value(value) => Ok(value.map(|value| value.bytes().to_vec())),
            other => Err(failed(&other)),
        }
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Failed> {
        match self.ask(Call::Set(key.into(), value.into())).await {
            Reply::Ended => Ok(()),
            other => Err(failed(&other)),
        }
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Failed> {
        match self.ask(Call::Increment(key.into(), delta)).await {
            Reply::Number(sum) => Ok(sum),
            other => Err(failed(&other)),
        }
    }

    async fn begin(&self, key: &str) -> Result<(Self::Cas, Option<Vec<u8>>), Failed> {
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
    async fn run(&self, steps: &[Step]) -> Result<Vec<Said>, redis::Failed> {
        match self.ask(Call::Script(steps.into())).await {
            Reply::Said(said) => Ok(said),
            Reply::Refused => Err(redis::Failed::Refused),
            _ => Err(redis::Failed::Broken),
        }
    }
}

impl Limits for Raw {
    fn now(&self) -> Duration {
        self.shared.now.get()
    }

    fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.passed.get() {
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

fn failed(reply: &Reply) -> Failed {
    if *reply == Reply::Overflow { Failed::Overflow } else { Failed::Other }
}
