//! Many requests on one batcher.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::join_all;

use super::*;

/// The requests of one instance, whose time passes when it is told to.
#[derive(Default)]
struct Instance {
    now: Cell<u64>,
    carried: RefCell<Vec<RemainingWork>>,
}

impl Instance {
    fn request(self: &Rc<Self>, deadline: u64) -> Request {
        Request { instance: Rc::clone(self), deadline: Duration::from_millis(deadline) }
    }

    fn set_time(&self, now: u64) {
        self.now.set(now);
    }

    /// Goes on with what answered requests have left to do; says whether anything of that is left.
    fn carries_on(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.carried.borrow_mut().retain_mut(|rest| rest.as_mut().poll(&mut context).is_pending());
        !self.carried.borrow().is_empty()
    }
}

struct Request {
    instance: Rc<Instance>,
    deadline: Duration,
}

impl TimedRequest for Request {
    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn until(&self, deadline: Duration) -> Self {
        Self { instance: Rc::clone(&self.instance), deadline }
    }

    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if Duration::from_millis(self.instance.now.get()) >= self.deadline {
                return Poll::Ready(None);
            }
            call.as_mut().poll(context).map(Some)
        })
        .await
    }

    fn spawn(&self, rest: RemainingWork) {
        self.instance.carried.borrow_mut().push(rest);
    }
}

/// A request that has all the time in the world.
fn patient() -> Request {
    Rc::new(Instance::default()).request(u64::MAX)
}

fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

async fn let_others_run() {
    let mut waited = false;
    poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Doubles each job.
async fn double(jobs: Vec<Job<u32>>, _: Request, (): &mut ()) -> Vec<u32> {
    let_others_run().await;
    jobs.into_iter().map(|job| job.what * 2).collect()
}

#[test]
fn what_comes_in_one_moment_is_one_batch_and_what_comes_later_is_the_next() {
    let (batcher, batches) = (Rc::new(Batcher::default()), Rc::new(RefCell::new(Vec::new())));
    let answers = block_on(join_all((0..16).map(async |job| {
        for _ in 0..(job / 4) * 2 {
            let_others_run().await;
        }
        let batches = Rc::clone(&batches);
        let process = async move |jobs: Vec<Job<u32>>, request: Request, state: &mut ()| {
            batches.borrow_mut().push(jobs.len());
            let_others_run().await;
            let_others_run().await;
            let_others_run().await;
            double(jobs, request, state).await
        };
        batcher.run(job, &patient(), process).await
    })));
    assert_eq!(answers, (0..16).map(|job| Ok(job * 2)).collect::<Vec<_>>());
    let batches = batches.take();
    assert_eq!(batches.first(), Some(&4), "those of the first moment");
    assert_eq!(batches.iter().sum::<usize>(), 16);
    assert!(batches.len() < 5, "{batches:?}");
}

#[test]
fn a_request_that_is_dropped_holds_nobody_up() {
    let (batchers, patient) = (Batchers::default(), patient());
    let mut first = Box::pin(batchers.run(&"a", 1, &patient, double));
    let mut second = Box::pin(batchers.run(&"a", 2, &patient, double));
    let mut third = Box::pin(batchers.run(&"a", 3, &patient, double));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    drop(second);
    drop(first);
    assert_eq!(block_on(third), Ok(6));
    assert!(batchers.is_empty());
}

#[test]
fn a_job_whose_leader_is_gone_was_sent_or_was_not() {
    for (sends, missed) in [(true, Missed::Unanswered), (false, Missed::Unsent)] {
        let (batcher, patient) = (Rc::new(Batcher::default()), patient());
        let process = async move |jobs: Vec<Job<u32>>, request: Request, state: &mut ()| {
            assert!(!sends || jobs.iter().all(Job::mark_sent));
            double(jobs, request, state).await
        };
        let mut first = Box::pin(batcher.run(1, &patient, process));
        let mut second = Box::pin(batcher.run(2, &patient, process));
        let mut third = Box::pin(batcher.run(3, &patient, process));
        for future in [&mut first, &mut second] {
            assert!(poll(future).is_pending());
        }
        assert!(poll(&mut third).is_pending());
        drop(first);
        assert!(poll(&mut second).is_pending(), "it leads the third");
        drop(second);
        assert_eq!(block_on(third), Err(missed));
    }
}

#[test]
fn a_job_without_an_answer_is_told_so() {
    let batcher: Rc<Batcher<u32, u32>> = Rc::default();
    let none = async |jobs: Vec<Job<u32>>, _: Request, (): &mut ()| {
        jobs.iter().for_each(|job| assert!(job.mark_sent()));
        Vec::new()
    };
    assert_eq!(block_on(batcher.run(1, &patient(), none)), Err(Missed::Unanswered));
    assert_eq!(block_on(batcher.run(1, &patient(), double)), Ok(2));
}

/// Gives its jobs back until `gate` is open, then doubles them; notes how many there were each time.
fn retrying(
    batches: &Rc<RefCell<Vec<usize>>>,
    gate: &Rc<Cell<bool>>,
) -> impl AsyncFnOnce(Vec<Job<u32>>, Request, &mut ()) -> Processed<u32, u32> + Clone + 'static {
    let (batches, gate) = (Rc::clone(batches), Rc::clone(gate));
    async move |jobs: Vec<Job<u32>>, request: Request, state: &mut ()| {
        batches.borrow_mut().push(jobs.len());
        let_others_run().await;
        if gate.get() { double(jobs, request, state).await.into() } else { Processed::Retry(jobs) }
    }
}

#[test]
fn a_batch_that_got_nowhere_is_tried_again_with_those_who_have_come() {
    let (batcher, patient) = (Rc::new(Batcher::default()), patient());
    let (batches, gate): (Rc<RefCell<Vec<usize>>>, _) = (Rc::default(), Rc::default());
    let mut first = Box::pin(batcher.run(1, &patient, retrying(&batches, &gate)));
    for _ in 0..3 {
        assert!(poll(&mut first).is_pending());
    }
    let mut second = Box::pin(batcher.run(2, &patient, retrying(&batches, &gate)));
    let mut third = Box::pin(batcher.run(3, &patient, retrying(&batches, &gate)));
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    while batches.borrow().last() == Some(&1) {
        assert!(poll(&mut first).is_pending());
    }
    gate.set(true);
    assert_eq!(block_on(first), Ok(2));
    assert_eq!((block_on(second), block_on(third)), (Ok(4), Ok(6)));
    assert_eq!(batches.borrow().last(), Some(&3));
    assert_eq!(block_on(batcher.run(4, &patient, double)), Ok(8), "nobody follows any more");
}

#[test]
fn a_leader_whose_deadline_passes_before_a_retry_lets_another_lead() {
    let (batcher, instance) = (Rc::new(Batcher::default()), Rc::new(Instance::default()));
    let (batches, gate): (Rc<RefCell<Vec<usize>>>, _) = (Rc::default(), Rc::default());
    let (early, late) = (instance.request(10), instance.request(20));
    let mut first = Box::pin(batcher.run(1, &early, retrying(&batches, &gate)));
    let mut second = Box::pin(batcher.run(2, &late, retrying(&batches, &gate)));
    for _ in 0..3 {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
    }
    instance.set_time(10);
    assert_eq!(poll(&mut first), Poll::Ready(Err(Missed::Unsent)));
    drop(first);
    while instance.carries_on() {}
    gate.set(true);
    assert_eq!(block_on(second), Ok(4));
    assert_eq!(batches.borrow().last(), Some(&1), "without the one that has left");
}

#[test]
fn keys_do_not_wait_for_one_another() {
    let (batchers, batches, patient) = (Batchers::default(), Rc::new(Cell::new(0)), patient());
    let count = || {
        let batches = Rc::clone(&batches);
        async move |jobs: Vec<Job<u32>>, request: Request, state: &mut ()| {
            batches.set(batches.get() + 1);
            double(jobs, request, state).await
        }
    };
    let answers =
        block_on(join_all(["a", "b", "c"].iter().map(|key| batchers.run(key, 1, &patient, count()))));
    assert_eq!(answers, [Ok(2); 3]);
    assert_eq!(batches.get(), 3);
    assert!(batchers.is_empty());
}

#[test]
fn a_follower_that_is_dropped_after_it_was_told_to_lead_lets_the_next_one_lead() {
    let (batcher, patient) = (Rc::new(Batcher::default()), patient());
    let mut first = Box::pin(batcher.run(1, &patient, double));
    let mut second = Box::pin(batcher.run(2, &patient, double));
    let mut third = Box::pin(batcher.run(3, &patient, double));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    drop(first);
    drop(second);
    assert_eq!(block_on(third), Ok(6));
    assert_eq!(block_on(batcher.run(4, &patient, double)), Ok(8), "nobody follows any more");
}

#[test]
fn each_leader_is_given_the_state_that_the_last_one_left_unless_that_one_was_dropped() {
    let (batchers, patient) = (Batchers::default(), patient());
    let add = async |jobs: Vec<Job<u32>>, _: Request, state: &mut u32| {
        *state += jobs.iter().map(|job| job.what).sum::<u32>();
        let_others_run().await;
        vec![*state; jobs.len()]
    };
    let alone = || block_on(batchers.run(&"a", 1, &patient, add));
    assert_eq!(alone(), Ok(1));
    assert_eq!(alone(), Ok(1), "it goes with the batcher");
    let mut first = Box::pin(batchers.run(&"a", 5, &patient, add));
    let mut second = Box::pin(batchers.run(&"a", 6, &patient, add));
    assert!(poll(&mut first).is_pending());
    assert_eq!(block_on(first), Ok(5));
    let third = Box::pin(batchers.run(&"a", 7, &patient, add));
    assert!(poll(&mut second).is_pending());
    drop(second);
    assert_eq!(block_on(third), Ok(7));
}

/// Sends its jobs and waits until `gate` is open; notes what it sent.
fn sending(
    sent: &Rc<RefCell<Vec<u32>>>,
    gate: &Rc<Cell<bool>>,
) -> impl AsyncFnOnce(Vec<Job<u32>>, Request, &mut ()) -> Vec<u32> + Clone + 'static {
    let (sent, gate) = (Rc::clone(sent), Rc::clone(gate));
    async move |jobs: Vec<Job<u32>>, request: Request, (): &mut ()| {
        sent.borrow_mut().extend(jobs.iter().filter(|job| job.mark_sent()).map(|job| job.what));
        let open = poll_fn(|_| if gate.get() { Poll::Ready(()) } else { Poll::Pending });
        match request.in_time(open).await {
            Some(()) => jobs.into_iter().map(|job| job.what * 2).collect(),
            None => Vec::new(),
        }
    }
}

#[test]
fn a_request_whose_deadline_passes_is_told_at_once_and_the_others_go_on_without_it() {
    let (batcher, instance) = (Rc::new(Batcher::default()), Rc::new(Instance::default()));
    let (sent, gate) = (Rc::default(), Rc::default());
    let (early, late) = (instance.request(10), instance.request(20));
    let mut first = Box::pin(batcher.run(1, &early, sending(&sent, &gate)));
    let mut second = Box::pin(batcher.run(2, &late, sending(&sent, &gate)));
    for _ in 0..2 {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
    }
    assert_eq!(sent.borrow().as_slice(), [1, 2]);
    instance.set_time(10);
    assert_eq!(poll(&mut first), Poll::Ready(Err(Missed::Unanswered)), "it was sent");
    drop(first);
    assert!(poll(&mut second).is_pending());
    gate.set(true);
    assert!(!instance.carries_on());
    assert_eq!(poll(&mut second), Poll::Ready(Ok(4)));
    assert_eq!(block_on(batcher.run(3, &late, sending(&sent, &gate))), Ok(6), "nobody follows any more");
}

#[test]
fn a_batch_ends_with_the_latest_deadline_in_it() {
    let (batcher, instance) = (Rc::new(Batcher::default()), Rc::new(Instance::default()));
    let (sent, gate) = (Rc::default(), Rc::default());
    let (early, late) = (instance.request(10), instance.request(20));
    let mut first = Box::pin(batcher.run(1, &late, sending(&sent, &gate)));
    let mut second = Box::pin(batcher.run(2, &early, sending(&sent, &gate)));
    for _ in 0..2 {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
    }
    instance.set_time(10);
    assert!(poll(&mut first).is_pending());
    assert_eq!(poll(&mut second), Poll::Ready(Err(Missed::Unanswered)));
    instance.set_time(20);
    assert_eq!(poll(&mut first), Poll::Ready(Err(Missed::Unanswered)));
}

#[test]
fn a_follower_whose_deadline_passes_before_its_batch_is_never_sent() {
    let (batcher, instance) = (Rc::new(Batcher::default()), Rc::new(Instance::default()));
    let (sent, gate) = (Rc::default(), Rc::default());
    let (early, late) = (instance.request(10), instance.request(20));
    let mut first = Box::pin(batcher.run(1, &late, sending(&sent, &gate)));
    for _ in 0..2 {
        assert!(poll(&mut first).is_pending());
    }
    let mut second = Box::pin(batcher.run(2, &early, sending(&sent, &gate)));
    let mut third = Box::pin(batcher.run(3, &late, sending(&sent, &gate)));
    assert!(poll(&mut second).is_pending());
    assert!(poll(&mut third).is_pending());
    instance.set_time(10);
    assert_eq!(poll(&mut second), Poll::Ready(Err(Missed::Unsent)));
    gate.set(true);
    assert_eq!(block_on(first), Ok(2));
    assert_eq!(block_on(third), Ok(6));
    assert_eq!(sent.borrow().as_slice(), [1, 3]);
}

#[test]
fn a_job_of_a_batch_that_was_not_sent_yet_is_abandoned() {
    let (batcher, instance) = (Rc::new(Batcher::default()), Rc::new(Instance::default()));
    let gate: Rc<Cell<bool>> = Rc::default();
    let looks_first = || {
        let gate = Rc::clone(&gate);
        async move |jobs: Vec<Job<u32>>, _: Request, (): &mut ()| {
            poll_fn(|_| if gate.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            jobs.into_iter().map(|job| u32::from(job.mark_sent())).collect::<Vec<_>>()
        }
    };
    let (early, late) = (instance.request(10), instance.request(20));
    let mut first = Box::pin(batcher.run(1, &early, looks_first()));
    let mut second = Box::pin(batcher.run(2, &early, looks_first()));
    let mut third = Box::pin(batcher.run(3, &late, looks_first()));
    for _ in 0..2 {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        assert!(poll(&mut third).is_pending());
    }
    instance.set_time(10);
    assert_eq!(poll(&mut first), Poll::Ready(Err(Missed::Unsent)));
    assert_eq!(poll(&mut second), Poll::Ready(Err(Missed::Unsent)));
    drop((first, second));
    gate.set(true);
    assert!(!instance.carries_on());
    assert_eq!(poll(&mut third), Poll::Ready(Ok(1)));
}

#[test]
fn a_job_that_is_marked_unsent_was_not_sent() {
    let job = Job::new(());
    let claim = job.claim();
    assert!(job.mark_sent());
    assert_eq!(claim.missed(), Missed::Unanswered);
    job.mark_unsent();
    assert_eq!(claim.missed(), Missed::Unsent);
    drop(claim);
    job.mark_unsent();
    assert!(!job.mark_sent());
}

#[test]
fn a_lock_is_held_by_one_at_a_time_and_a_waiter_that_is_dropped_holds_nobody_up() {
    let mutex = Mutex::default();
    let log = RefCell::new(Vec::new());
    let goes = async |name: &'static str| {
        let _guard = mutex.lock().await;
        log.borrow_mut().push(name);
        yield_now().await;
        log.borrow_mut().push(name);
    };
    {
        let first = mutex.lock().now_or_never();
        let mut given_up = Box::pin(goes("given up"));
        assert!(given_up.as_mut().now_or_never().is_none());
        drop((given_up, first));
    }
    block_on(join_all([goes("a"), goes("b"), goes("c")]));
    let log = log.into_inner();
    assert!(log.len() == 6 && log.chunks(2).all(|pair| pair[0] == pair[1]), "{log:?}");
}
