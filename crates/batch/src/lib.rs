//! Batching, as in group commit: requests that come to one instance at the same time are carried out together.
//!
//! The first request leads a batch: its own job and those that arrive at the same moment. Requests that arrive
//! later follow and wait. When the batch is done, the follower that has waited longest leads the next one, with all
//! jobs that have arrived. There is no timer: batches grow with the load. A batch that made no progress is tried
//! again, together with the jobs that have arrived meanwhile.
//!
//! Each request has a deadline of its own ([`TimedRequest`]) and gets its answer when that passes, whether it leads or
//! follows. A batch may go on until the latest of these deadlines, even when its leader was answered long before.
//!
//! [`Batcher`] runs one batch at a time, and [`Batchers`] has a batcher for each key. [`Mutex`] lets one request
//! work while the others wait.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod deadline;
mod job;
mod keyed;
mod mutex;
mod oneshot;

pub use deadline::{Missed, NoDeadline, RemainingWork, TimedRequest};
pub use job::Job;
pub use keyed::Batchers;
pub use mutex::{Guard, Mutex};

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Deref;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use oneshot::{Receiver, Sender, channel};

/// Carries out jobs `J`, each with an answer `A`, in batches. Each leader leaves a state `S` for the next one.
pub struct Batcher<J, A, S = ()> {
    /// The requests that wait for the present batch; `None` if there is no batch.
    followers: RefCell<Option<Vec<Follower<J, A>>>>,
    state: RefCell<S>,
}

/// A request that waits.
struct Follower<J, A> {
    job: Job<J>,
    deadline: Duration,
    sender: Sender<Message<J, A>>,
}

/// What a follower is told.
enum Message<J, A> {
    /// A leader has done its job.
    Answered(A),
    /// It leads the next batch: it gets its own job back, and the followers in that batch.
    Leads(Job<J>, Vec<Follower<J, A>>),
}

/// What became of a batch.
pub enum Processed<J, A> {
    /// An answer to each of its jobs, in their order.
    Answered(Vec<A>),
    /// Nothing was done and nothing will be: the jobs are tried again, with those that have arrived meanwhile.
    Retry(Vec<Job<J>>),
}

impl<J, A> From<Vec<A>> for Processed<J, A> {
    fn from(answers: Vec<A>) -> Self {
        Self::Answered(answers)
    }
}

impl<J, A, S: Default> Default for Batcher<J, A, S> {
    fn default() -> Self {
        Self { followers: RefCell::new(None), state: RefCell::default() }
    }
}

impl<J: 'static, A: 'static, S: Default + 'static> Batcher<J, A, S> {
    /// Gets `job` done: by `process`, together with the other jobs that have arrived, or by another leader. `process`
    /// gets the jobs, of which this one is the first; `request`, with the latest deadline of the batch; and the state
    /// that the last leader left (the default, if that one was dropped). It returns an answer to each job, in order,
    /// or gives the jobs back ([`Processed::Retry`]). The state that it leaves is for the next leader.
    ///
    /// # Errors
    ///
    /// [`Missed`] if the request's deadline passes, if the leader that has the job is dropped, or if it gives no
    /// answer to it.
    pub async fn run<R: TimedRequest + 'static, P: Into<Processed<J, A>> + 'static>(
        self: &Rc<Self>,
        job: J,
        request: &R,
        process: impl AsyncFnOnce(Vec<Job<J>>, R, &mut S) -> P + Clone + 'static,
    ) -> Result<A, Missed> {
        run(self, job, request, process).await
    }
}

/// [`Batcher::run`] on a batcher that `handle` keeps alive.
async fn run<
    J: 'static,
    A: 'static,
    S: Default + 'static,
    R: TimedRequest + 'static,
    P: Into<Processed<J, A>> + 'static,
>(
    handle: &(impl Deref<Target = Batcher<J, A, S>> + Clone + 'static),
    job: J,
    request: &R,
    process: impl AsyncFnOnce(Vec<Job<J>>, R, &mut S) -> P + Clone + 'static,
) -> Result<A, Missed> {
    let job = Job::new(job);
    let claim = job.claim();
    let (mut job, followers) = match handle.join(job, request.deadline()) {
        Ok(job) => (job, Vec::new()),
        Err(waiting) => match waiting.message(request).await {
            Some(Message::Answered(answer)) => return Ok(answer),
            Some(Message::Leads(job, followers)) => (job, followers),
            None => return Err(claim.missed()),
        },
    };
    let mut leader = Leader { handle: handle.clone(), followers };
    if leader.followers.is_empty() {
        yield_now().await;
    }
    loop {
        leader.gather();
        let latest = leader.followers.iter().map(|one| one.deadline).fold(request.deadline(), Duration::max);
        let mut batch = Box::pin(carry_out(leader, job, request.until(latest), process.clone()));
        let own = if latest == request.deadline() {
            Some(batch.as_mut().await)
        } else {
            request.in_time(&mut batch).await
        };
        match own {
            Some(Ok(answer)) => return answer.ok_or_else(|| claim.missed()),
            Some(Err(retry)) => (leader, job) = retry,
            None => {
                request.spawn(Box::pin(async move { drop(batch.await) }));
                return Err(claim.missed());
            }
        }
    }
}

/// Carries out `job` together with those of the followers, and sends each follower its answer. Returns the answer to
/// `job`, or that the jobs are tried again.
async fn carry_out<H: Deref<Target = Batcher<J, A, S>>, J, A, S: Default, R, P>(
    mut leader: Leader<H, J, A, S>,
    job: Job<J>,
    request: R,
    process: impl AsyncFnOnce(Vec<Job<J>>, R, &mut S) -> P,
) -> Result<Option<A>, (Leader<H, J, A, S>, Job<J>)>
where
    P: Into<Processed<J, A>> + 'static,
{
    let (others, senders): (Vec<_>, Vec<_>) = std::mem::take(&mut leader.followers)
        .into_iter()
        .map(|one| (one.job, (one.deadline, one.sender)))
        .unzip();
    let jobs = std::iter::once(job).chain(others).collect();
    let mut state = leader.handle.state.take();
    let processed = process(jobs, request, &mut state).await.into();
    leader.handle.state.replace(state);
    match processed {
        Processed::Answered(answers) => {
            let mut answers = answers.into_iter();
            let own = answers.next();
            for ((_, sender), answer) in senders.into_iter().zip(answers) {
                // The request may be gone and no longer wait.
                let _ = sender.send(Message::Answered(answer));
            }
            Ok(own)
        }
        Processed::Retry(jobs) => {
            let mut jobs = jobs.into_iter();
            let Some(job) = jobs.next() else { return Ok(None) };
            let followers =
                jobs.zip(senders).map(|(job, (deadline, sender))| Follower { job, deadline, sender });
            leader.followers.extend(followers);
            Err((leader, job))
        }
    }
}

impl<J, A, S> Batcher<J, A, S> {
    /// Becomes a follower; returns the job if nobody leads.
    fn join(&self, job: Job<J>, deadline: Duration) -> Result<Job<J>, Waiting<'_, J, A, S>> {
        let mut waiting = self.followers.borrow_mut();
        let Some(followers) = waiting.as_mut() else {
            *waiting = Some(Vec::new());
            return Ok(job);
        };
        let (sender, receiver) = channel();
        followers.push(Follower { job, deadline, sender });
        Err(Waiting { batcher: self, receiver })
    }

    /// Makes the first of `followers` the leader of the others.
    fn promote(&self, mut followers: Vec<Follower<J, A>>) {
        while !followers.is_empty() {
            let first = followers.remove(0);
            match first.sender.send(Message::Leads(first.job, followers)) {
                Ok(()) => return,
                // Its request is gone; the others come back.
                Err(Message::Leads(_, others)) => followers = others,
                Err(Message::Answered(_)) => return,
            }
        }
        // Jobs that arrived meanwhile follow after those.
        match self.followers.take() {
            Some(came) if !came.is_empty() => {
                self.followers.replace(Some(Vec::new()));
                self.promote(came);
            }
            _ => {}
        }
    }
}

/// Lets concurrent tasks run: other requests, and other parts of the same one.
pub async fn yield_now() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A follower's wait. If it is dropped after it became the leader, the next follower leads.
struct Waiting<'a, J, A, S> {
    batcher: &'a Batcher<J, A, S>,
    receiver: Receiver<Message<J, A>>,
}

impl<J, A, S> Waiting<'_, J, A, S> {
    /// The message to the follower; `None` if its deadline passes, or if nobody is left to send one.
    async fn message(mut self, request: &impl TimedRequest) -> Option<Message<J, A>> {
        let message = request.in_time(self.receiver.receive()).await.flatten();
        message.or_else(|| self.receiver.try_receive())
    }
}

impl<J, A, S> Drop for Waiting<'_, J, A, S> {
    fn drop(&mut self) {
        if let Some(Message::Leads(_, followers)) = self.receiver.try_receive() {
            self.batcher.promote(followers);
        }
    }
}

/// The leadership of a batch. When it is dropped, the next of its followers leads, or a request that arrived later.
struct Leader<H: Deref<Target = Batcher<J, A, S>>, J, A, S> {
    handle: H,
    followers: Vec<Follower<J, A>>,
}

impl<H: Deref<Target = Batcher<J, A, S>>, J, A, S> Leader<H, J, A, S> {
    /// Adds the jobs that have arrived, and drops those whose requests have left.
    fn gather(&mut self) {
        let came = self.handle.followers.borrow_mut().as_mut().map(std::mem::take);
        self.followers.extend(came.unwrap_or_default());
        self.followers.retain(|one| !one.job.is_abandoned());
    }
}

impl<H: Deref<Target = Batcher<J, A, S>>, J, A, S> Drop for Leader<H, J, A, S> {
    fn drop(&mut self) {
        self.handle.promote(std::mem::take(&mut self.followers));
    }
}

#[cfg(test)]
mod tests;
