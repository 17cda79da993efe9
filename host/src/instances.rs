//! The instances of a component: which of them a request goes to, and when they come and go.
//!
//! An instance serves up to 128 requests, 16 of them at a time, and goes when it was idle for a second. When one traps,
//! all the requests in flight in it fail, and the reason goes to stderr with the component's name.
//!
//! Requests that share an instance go to the store together, so as few instances work as keep every core busy: a
//! request goes to an idle one, or to a new one, only while fewer instances of all components work than there are
//! cores. Otherwise it goes to the one of its component that has least to do. An instance that waits in
//! a synchronous call, and can do nothing else, is left out, and another works in its place.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures::StreamExt as _;
use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut as _, Store};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy, Request, Response};

use crate::component::{InstanceState, ReadyComponent};
use crate::guards::RequestGuard;
use crate::imports::Imports as _;
use crate::lifetime::{IDLE_LIMIT, InstanceFailed, REQUESTS_AT_ONCE, REQUESTS_PER_INSTANCE};

/// How many instances of all components are busy, and how many may be before requests share them.
#[derive(Clone)]
pub struct BusyInstances {
    count: Arc<AtomicUsize>,
    cores: usize,
}

/// A component, and the instances of it that there are.
pub struct Instances {
    component: ReadyComponent,
    busy: BusyInstances,
    known: Mutex<Known>,
}

/// The instances, the oldest first.
#[derive(Default)]
struct Known {
    all: Vec<Instance>,
    next_number: u64,
    /// How many of them [`BusyInstances`] counts.
    counted: usize,
}

/// An instance, as the code that gives it requests sees it.
struct Instance {
    number: u64,
    /// Requests that it has not taken yet.
    queue: VecDeque<Job>,
    in_flight: usize,
    /// How many more it may be given.
    left: usize,
    /// It waits in a synchronous call.
    blocked: bool,
    /// What wakes it to take from its queue.
    waker: Option<Waker>,
}

struct Job {
    guard: RequestGuard,
    request: Request,
    answer: oneshot::Sender<wasmtime::Result<Response>>,
}

impl Instance {
    fn load(&self) -> usize {
        self.in_flight.saturating_add(self.queue.len())
    }

    fn is_open(&self) -> bool {
        !self.blocked && self.left > 0
    }

    fn has_room(&self) -> bool {
        self.is_open() && self.load() < REQUESTS_AT_ONCE
    }

    /// Whether it keeps a core busy: one that takes no more requests will soon leave its core.
    fn is_busy(&self) -> bool {
        self.is_open() && self.load() > 0
    }

    fn give(&mut self, job: Job) {
        self.queue.push_back(job);
        self.left = self.left.saturating_sub(1);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl BusyInstances {
    /// No instance is busy yet; the cores are this machine's.
    pub fn on_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { count: Arc::default(), cores }
    }

    /// Whether a core has no busy instance.
    fn leaves_a_core(&self) -> bool {
        self.count.load(Ordering::Relaxed) < self.cores
    }
}

impl Known {
    /// The open instance that is to get the next request; none if that is a new one.
    fn best(&mut self, busy: &BusyInstances) -> Option<&mut Instance> {
        let spread = busy.leaves_a_core();
        let may_grow = self.all.iter().filter(|instance| instance.is_open()).count() < busy.cores;
        let with_room = self.all.iter_mut().filter(|instance| instance.has_room());
        // To spread, an idle one first, then a new one; to share, one that works first.
        let best = with_room.min_by_key(|instance| (instance.is_busy() == spread, instance.load()));
        best.filter(|instance| !(spread && may_grow && instance.is_busy()))
    }

    /// Counts anew how many are busy, after something changed.
    fn count(&mut self, busy: &BusyInstances) {
        let now = self.all.iter().filter(|instance| instance.is_busy()).count();
        let before = std::mem::replace(&mut self.counted, now);
        if now > before {
            busy.count.fetch_add(now.abs_diff(before), Ordering::Relaxed);
        } else if now < before {
            busy.count.fetch_sub(before.abs_diff(now), Ordering::Relaxed);
        }
    }
}

impl Instances {
    /// A component without instances.
    pub fn new(component: ReadyComponent, busy: BusyInstances) -> Self {
        Self { component, busy, known: Mutex::default() }
    }

    /// The component that they are instances of.
    pub fn component(&self) -> &ReadyComponent {
        &self.component
    }

    /// Has an instance answer `request`, which holds `guard`.
    ///
    /// # Errors
    /// [`InstanceFailed`]; or what the component answered instead of a response.
    pub async fn handle(
        self: &Arc<Self>,
        guard: RequestGuard,
        request: Request,
    ) -> wasmtime::Result<Response> {
        let (answer, answered) = oneshot::channel();
        self.clone().give(Job { guard, request, answer });
        answered.await.map_err(|_| InstanceFailed)?
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held, and the value is consistent at every step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `job` to an instance, if need be to a new one.
    fn give(self: Arc<Self>, job: Job) {
        let mut known = self.known();
        if let Some(instance) = known.best(&self.busy) {
            instance.give(job);
            known.count(&self.busy);
            return;
        }
        let number = known.next_number;
        known.next_number = number.wrapping_add(1);
        known.all.push(Instance {
            number,
            queue: VecDeque::from([job]),
            in_flight: 0,
            left: REQUESTS_PER_INSTANCE.saturating_sub(1),
            blocked: false,
            waker: None,
        });
        known.count(&self.busy);
        drop(known);
        tokio::spawn(Runner { instances: self, number }.run());
    }
}

/// Runs one instance. However that ends, the requests that it has not taken go to others.
struct Runner {
    instances: Arc<Instances>,
    number: u64,
}

impl Drop for Runner {
    fn drop(&mut self) {
        let mut known = self.instances.known();
        let position = known.all.iter().position(|instance| instance.number == self.number);
        let left = position.map(|position| known.all.remove(position).queue).unwrap_or_default();
        known.count(&self.instances.busy);
        drop(known);
        self.pass_on(left);
    }
}

impl Runner {
    fn pass_on(&self, jobs: VecDeque<Job>) {
        for job in jobs {
            self.instances.clone().give(job);
        }
    }

    /// What `action` returns, which reads or changes this instance.
    fn with<T: Default>(&self, action: impl FnOnce(&mut Instance) -> T) -> T {
        let mut known = self.instances.known();
        let result = known.all.iter_mut().find(|instance| instance.number == self.number).map(action);
        known.count(&self.instances.busy);
        result.unwrap_or_default()
    }

    /// The next request, if there is one and the guest is `ready` for it; else what comes wakes `context`.
    fn next(&self, context: &Context<'_>, ready: bool) -> Option<Job> {
        self.with(|instance| {
            let job = instance.queue.pop_front_if(|_| ready);
            match job {
                Some(_) => instance.in_flight = instance.in_flight.saturating_add(1),
                None => instance.waker = Some(context.waker().clone()),
            }
            job
        })
    }

    fn note_answer(&self) {
        self.with(|instance| instance.in_flight = instance.in_flight.saturating_sub(1));
    }

    /// Notes whether it waits in a synchronous call. The requests that it has not taken do not wait with it.
    fn set_blocked(&self, blocked: bool) {
        let left = self.with(|instance| {
            instance.blocked = blocked;
            if blocked { std::mem::take(&mut instance.queue) } else { VecDeque::new() }
        });
        self.pass_on(left);
    }

    /// Closes it, if no request waits in its queue: it gets no more. Whether it did.
    fn close_if_idle(&self) -> bool {
        self.with(|instance| {
            let idle = instance.queue.is_empty();
            if idle {
                instance.left = 0;
            }
            idle
        })
    }

    /// Whether it has had all its requests.
    fn is_done(&self) -> bool {
        self.with(|instance| instance.left == 0 && instance.queue.is_empty())
    }

    async fn run(self) {
        let component = &self.instances.component;
        let mut store = Store::new(&component.engine, InstanceState::new(component));
        let proxy = match component.service.instantiate_async(&mut store).await {
            Ok(service) => Proxy::P3(service),
            Err(error) => {
                if let Some(job) = self.with(|instance| instance.queue.pop_front()) {
                    let _ = job.answer.send(Err(error));
                }
                return;
            }
        };
        let ended = self.serve(&mut store, &proxy).await;
        store.data().finish();
        if let Err(error) = ended {
            eprintln!("[{}] failed: {error:?}", component.id);
        }
    }

    async fn serve(&self, store: &mut Store<InstanceState>, proxy: &Proxy) -> wasmtime::Result<()> {
        let poll_record = PollRecord::default();
        let requests =
            store.run_concurrent(async |accessor| self.requests(accessor, proxy, &poll_record).await);
        let mut requests = pin!(requests);
        let mut blocked = false;
        let ended = poll_fn(|context| {
            loop {
                poll_record.clear();
                let poll = requests.as_mut().poll(context);
                if poll.is_pending() && poll_record.has_taken() {
                    continue;
                }
                // A guest in a synchronous call has the store for itself: nothing else in it is polled.
                let is_blocked = poll.is_pending() && !poll_record.is_polled();
                if blocked != is_blocked {
                    blocked = is_blocked;
                    self.set_blocked(blocked);
                }
                return poll;
            }
        });
        ended.await.flatten()
    }

    /// Takes requests and answers them, until there are no more to come.
    async fn requests(
        &self,
        accessor: &Accessor<InstanceState>,
        proxy: &Proxy,
        poll_record: &PollRecord,
    ) -> wasmtime::Result<()> {
        let Proxy::P3(service) = proxy;
        let handle = *service.wasi_http_handler().func_handle().func();
        let mut in_flight = FuturesUnordered::new();
        let mut idle = Idle::new();
        poll_fn(|context| {
            poll_record.note_polled();
            loop {
                match in_flight.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(()))) => {
                        self.note_answer();
                        idle.reset();
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) | Poll::Pending => {}
                }
                let is_ready = accessor.poll_ready_for_concurrent_call(handle, context).is_ready();
                if let Some(job) = self.next(context, is_ready && !poll_record.has_taken()) {
                    poll_record.note_taken();
                    in_flight.push(Box::pin(begin(accessor, proxy, job)?));
                    continue;
                }
                if !in_flight.is_empty() {
                    return Poll::Pending;
                }
                // What guests do after they have answered keeps the instance, too.
                ready!(accessor.poll_no_interesting_tasks(context));
                if !is_ready || self.is_done() {
                    return Poll::Ready(Ok(()));
                }
                ready!(idle.poll(context));
                if self.close_if_idle() {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }
}

/// Hands a request to the guest.
fn begin<'a>(
    accessor: &'a Accessor<InstanceState>,
    proxy: &'a Proxy,
    Job { guard, request, answer }: Job,
) -> wasmtime::Result<impl Future<Output = wasmtime::Result<()>>> {
    let prepared = accessor.with(|mut store| {
        Prepared::new(store.as_context_mut(), proxy, request, InstanceState::http, answer)
    })?;
    let Prepared::P3 { call, .. } = &prepared;
    let task = call.task();
    let task_trace = accessor.with(|mut store| store.get().call_tracing().begin(task, guard.trace.clone()));
    Ok(async move {
        let _guard = (guard, task_trace);
        // A request may take as long as it takes, as in Spin.
        prepared.run(accessor, pending()).await.map(drop)
    })
}

/// What happened in one poll of an instance: whether the future that takes requests was polled at all, and whether
/// it took one.
///
/// An instance takes one request in a poll, and the next once that one waits: one that goes into a synchronous call
/// at once holds up none that has not begun.
#[derive(Default)]
struct PollRecord {
    polled: AtomicBool,
    taken: AtomicBool,
}

impl PollRecord {
    fn clear(&self) {
        self.polled.store(false, Ordering::Relaxed);
        self.taken.store(false, Ordering::Relaxed);
    }

    fn note_polled(&self) {
        self.polled.store(true, Ordering::Relaxed);
    }

    fn note_taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    fn is_polled(&self) -> bool {
        self.polled.load(Ordering::Relaxed)
    }

    fn has_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

/// How long an instance has had nothing to do.
struct Idle {
    end: Instant,
    timer: std::pin::Pin<Box<Sleep>>,
}

impl Idle {
    fn new() -> Self {
        Self { end: after_idle(), timer: Box::pin(tokio::time::sleep(IDLE_LIMIT)) }
    }

    fn reset(&mut self) {
        self.end = after_idle();
    }

    /// Ready once it has been long. The timer is not set anew with every request: one that goes off too early
    /// is set to the rest.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if self.end <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.end);
        }
    }
}

fn after_idle() -> Instant {
    let now = Instant::now();
    now.checked_add(IDLE_LIMIT).unwrap_or(now)
}
