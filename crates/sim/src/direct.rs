//! A store that answers at once: to prepare a state, and to read it at the end.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use batch::NoDeadline;
use store::breaker::{Breaker, CallContext};
use store::kv::{Kv, KvFailure, RawKv};

use crate::call::{Reply, Value};
use crate::disk::{CallId, Disk};
use crate::planted::{Bug, BuggyRaw, BuggyStore};
use crate::task::{Answer, Queues, Task, perform};

/// The disk, without anybody else and without faults.
#[derive(Debug, Clone)]
pub struct Direct {
    disk: Rc<RefCell<Disk>>,
    reads: Rc<Cell<u32>>,
    breaker: Rc<Breaker>,
}

/// After this many reads it is an endless loop, and the store counts as unavailable.
const MOST_READS: u32 = 20_000;
/// Nobody: the origin of a direct call.
const NOBODY: CallId = CallId { client: usize::MAX, request: 0, call: 0 };

impl Direct {
    /// A store with the contents of `disk`; `disk` itself does not change.
    #[must_use]
    pub fn on(disk: &Disk) -> Self {
        Self { disk: Rc::new(RefCell::new(disk.clone())), reads: Rc::default(), breaker: Rc::default() }
    }

    /// What it holds now.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.disk.borrow().clone()
    }

    /// Answers `task` without interruption; `None` if the code waits for something else.
    #[must_use]
    pub fn perform(&self, bug: Option<Bug>, task: &Task) -> Option<Answer> {
        match bug {
            None => at_once(perform(|| Kv::new(self.clone()), &Queues::default(), task)),
            Some(bug) => {
                let shared = Rc::new(task.clone());
                let kv = || Kv::new(BuggyRaw::new(self.clone(), bug));
                let open = || BuggyStore::new(kv(), bug, Rc::clone(&shared));
                at_once(bug.perform(open, &Queues::default(), task))
            }
        }
    }
}

/// The result of a future that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let (woken, waker) = Woken::new();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return Some(value),
            Poll::Pending if woken.again() => {}
            Poll::Pending => return None,
        }
    }
}

/// A flag: a task must be polled once more.
#[derive(Debug, Default)]
pub struct Woken(AtomicBool);

impl Woken {
    /// A flag that is not set, and the waker that sets it.
    #[must_use]
    pub fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self::default());
        (Arc::clone(&woken), Waker::from(woken))
    }

    /// Whether it was set since it was last asked.
    pub fn again(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl RawKv for Direct {
    type Cas = ();

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KvFailure> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() > MOST_READS {
            return Err(KvFailure::Other);
        }
        Ok(self.disk.borrow().get(&key.into()).map(|value| value.bytes().to_vec()))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KvFailure> {
        self.disk.borrow_mut().set(&key.into(), value.into());
        Ok(())
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KvFailure> {
        match self.disk.borrow_mut().increment(&key.into(), delta) {
            Ok((Reply::Number(sum), _)) => Ok(sum),
            Ok((Reply::Overflow, _)) => Err(KvFailure::Overflow),
            Ok(_) | Err(_) => Err(KvFailure::Other),
        }
    }

    async fn begin(&self, key: &str) -> Result<((), Option<Vec<u8>>), KvFailure> {
        let mut disk = self.disk.borrow_mut();
        disk.unwatch(NOBODY.client, NOBODY.request, &[]);
        Ok(((), disk.begin(NOBODY, &key.into()).map(|value| value.bytes().to_vec())))
    }

    async fn swap(&self, (): (), value: &[u8]) {
        self.disk.borrow_mut().swap(NOBODY, Value::from(value));
    }
}

impl NoDeadline for Direct {}

impl CallContext for Direct {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    async fn by_deadline<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        Some(call.await)
    }
}
