//! Requests of one instance that want the same thing stand in line and go together.
//!
//! Whoever finds nobody goes first, with those who come in the same moment. Whoever comes later waits; when
//! the first is done, the one that has waited longest goes with all that have come. No timer: the groups
//! grow with the load.
//!
//! Each request has a deadline of its own ([`Deadline`]), and is told at once when that passes, wherever it
//! stands. What a group does together may go on as long as the one with most time left allows, also when the
//! one that took the others along was answered long before.
//!
//! [`Line`] is one such line, [`Lines`] one for each key.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod bell;
mod deadline;
mod job;
mod keyed;

pub use deadline::{Deadline, Missed, Rest, Unhurried};
pub use job::Job;
pub use keyed::Lines;

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Deref;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bell::{Listener, Teller, bell};

/// A line of jobs `J`, each of which has an answer `A`. Whoever is at it leaves an `L` for the next.
pub struct Line<J, A, L = ()> {
    /// Those behind whoever is at it; `None` when nobody is.
    waiting: RefCell<Option<Vec<Waiting<J, A>>>>,
    left: RefCell<L>,
}

struct Waiting<J, A> {
    job: Job<J>,
    deadline: Duration,
    turn: Teller<Turn<J, A>>,
}

/// What a waiting request is told.
enum Turn<J, A> {
    /// Somebody has done its job.
    Answered(A),
    /// It is first, here is its job back, and those behind it go with it.
    First(Job<J>, Vec<Waiting<J, A>>),
}

impl<J, A, L: Default> Default for Line<J, A, L> {
    fn default() -> Self {
        Self { waiting: RefCell::new(None), left: RefCell::default() }
    }
}

impl<J: 'static, A: 'static, L: Default + 'static> Line<J, A, L> {
    /// Gets `job` done: by `together`, with what else has come, or by whoever is first. `together` gives
    /// an answer to each of its jobs, in their order; its first job is this one. It is given `request` with
    /// the deadline of the one that has most time left, and what the one before left, which is nothing if
    /// that one was given up, and leaves something in its place.
    ///
    /// # Errors
    /// [`Missed`] when the request's deadline passes, when whoever took the job along is gone, or when it
    /// gave no answer to it.
    pub async fn go<R: Deadline + 'static>(
        self: &Rc<Self>,
        job: J,
        request: &R,
        together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> Vec<A> + 'static,
    ) -> Result<A, Missed> {
        go(self, job, request, together).await
    }
}

/// [`Line::go`], at a line that `at` holds on to.
async fn go<J: 'static, A: 'static, L: Default + 'static, R: Deadline + 'static>(
    at: &(impl Deref<Target = Line<J, A, L>> + Clone + 'static),
    job: J,
    request: &R,
    together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> Vec<A> + 'static,
) -> Result<A, Missed> {
    let job = Job::new(job);
    let claim = job.claim();
    let (job, behind) = match at.stand(job, request.deadline()) {
        Ok(job) => (job, Vec::new()),
        Err(mut place) => {
            let told = request.in_time(place.turn.listen()).await.flatten();
            match told.or_else(|| place.turn.unheard()) {
                Some(Turn::Answered(answer)) => return Ok(answer),
                Some(Turn::First(job, behind)) => (job, behind),
                None => return Err(claim.missed()),
            }
        }
    };
    let leave = Leave(at.clone());
    let behind = at.behind(behind).await;
    let latest = behind.iter().map(|one| one.deadline).fold(request.deadline(), Duration::max);
    let mut shared = Box::pin(carry_out(leave, job, behind, request.until(latest), together));
    if latest == request.deadline() {
        return shared.await.ok_or_else(|| claim.missed());
    }
    let own = request.in_time(&mut shared).await;
    if own.is_none() {
        request.carry_on(Box::pin(async move { drop(shared.await) }));
    }
    own.flatten().ok_or_else(|| claim.missed())
}

/// Does `job` and those `behind` it together, and tells each of those its answer. Says the answer to `job`.
async fn carry_out<J, A, L: Default, R>(
    leave: Leave<impl Deref<Target = Line<J, A, L>>, J, A, L>,
    job: Job<J>,
    behind: Vec<Waiting<J, A>>,
    request: R,
    together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> Vec<A>,
) -> Option<A> {
    let (others, turns): (Vec<_>, Vec<_>) = behind.into_iter().map(|one| (one.job, one.turn)).unzip();
    let jobs = std::iter::once(job).chain(others).collect();
    let mut left = leave.0.left.take();
    let mut answers = together(jobs, request, &mut left).await.into_iter();
    leave.0.left.replace(left);
    let own = answers.next();
    for (turn, answer) in turns.into_iter().zip(answers) {
        // A request that is gone no longer listens.
        let _ = turn.tell(Turn::Answered(answer));
    }
    own
}

impl<J, A, L> Line<J, A, L> {
    /// Waits behind whoever is there; gives the job back when nobody is.
    fn stand(&self, job: Job<J>, deadline: Duration) -> Result<Job<J>, Place<'_, J, A, L>> {
        let mut waiting = self.waiting.borrow_mut();
        let Some(line) = waiting.as_mut() else {
            *waiting = Some(Vec::new());
            return Ok(job);
        };
        let (turn, told) = bell();
        line.push(Waiting { job, deadline, turn });
        Err(Place { line: self, turn: told })
    }

    /// Those who go with the one that is first: who stood behind it, or who comes in the same moment. Whoever
    /// has left is not among them.
    async fn behind(&self, mut behind: Vec<Waiting<J, A>>) -> Vec<Waiting<J, A>> {
        if behind.is_empty() {
            a_moment().await;
            behind = self.waiting.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default();
        }
        behind.retain(|one| !one.job.is_taken_back());
        behind
    }

    /// Lets the first of `line` go, with all that are behind it.
    fn go_on(&self, mut line: Vec<Waiting<J, A>>) {
        while !line.is_empty() {
            let first = line.remove(0);
            match first.turn.tell(Turn::First(first.job, line)) {
                Ok(()) => return,
                // It was given up; the line comes back.
                Err(Turn::First(_, rest)) => line = rest,
                Err(Turn::Answered(_)) => return,
            }
        }
        // Who came meanwhile is behind those that are gone.
        match self.waiting.take() {
            Some(came) if !came.is_empty() => {
                self.waiting.replace(Some(Vec::new()));
                self.go_on(came);
            }
            _ => {}
        }
    }
}

/// Lets what runs beside this come too: other requests, and the other parts of the same one.
async fn a_moment() {
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

/// A place in the line. One that is given up after it was told to go first lets the next one go.
struct Place<'a, J, A, L> {
    line: &'a Line<J, A, L>,
    turn: Listener<Turn<J, A>>,
}

impl<J, A, L> Drop for Place<'_, J, A, L> {
    fn drop(&mut self) {
        if let Some(Turn::First(_, behind)) = self.turn.unheard() {
            self.line.go_on(behind);
        }
    }
}

/// Leaves the line, also when the request that is at it is given up.
struct Leave<H: Deref<Target = Line<J, A, L>>, J, A, L>(H);

impl<H: Deref<Target = Line<J, A, L>>, J, A, L> Drop for Leave<H, J, A, L> {
    fn drop(&mut self) {
        self.0.go_on(Vec::new());
    }
}

#[cfg(test)]
mod tests;
