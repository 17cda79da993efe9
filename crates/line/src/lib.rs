//! Requests of one instance that want the same thing stand in line and go together.
//!
//! Whoever finds nobody goes first, with those who come in the same moment. Whoever comes later waits; when
//! the first is done, the one that has waited longest goes with all that have come. No timer: the groups
//! grow with the load. A group that got nowhere goes again, and takes along who has come meanwhile.
//!
//! Each request has a deadline of its own ([`Deadline`]), and is told at once when that passes, wherever it
//! stands. What a group does together may go on as long as the one with most time left allows, also when the
//! one that took the others along was answered long before.
//!
//! [`Line`] is one such line, [`Lines`] one for each key. [`Mutex`] is for what one does while the others wait.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod bell;
mod deadline;
mod job;
mod keyed;
mod mutex;

pub use deadline::{Deadline, Missed, Rest, Unhurried};
pub use job::Job;
pub use keyed::Lines;
pub use mutex::{Guard, Mutex};

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

/// What became of a group.
pub enum Round<J, A> {
    /// An answer to each of its jobs, in their order.
    Done(Vec<A>),
    /// Nothing was done and nothing will be: the jobs go again, with those that have come.
    Again(Vec<Job<J>>),
}

impl<J, A> From<Vec<A>> for Round<J, A> {
    fn from(answers: Vec<A>) -> Self {
        Self::Done(answers)
    }
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
    /// that one was given up, and leaves something in its place. It may also give the jobs back ([`Round::Again`]).
    ///
    /// # Errors
    /// [`Missed`] when the request's deadline passes, when whoever took the job along is gone, or when it
    /// gave no answer to it.
    pub async fn go<R: Deadline + 'static, W: Into<Round<J, A>> + 'static>(
        self: &Rc<Self>,
        job: J,
        request: &R,
        together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> W + Clone + 'static,
    ) -> Result<A, Missed> {
        go(self, job, request, together).await
    }
}

/// [`Line::go`], at a line that `at` holds on to.
async fn go<
    J: 'static,
    A: 'static,
    L: Default + 'static,
    R: Deadline + 'static,
    W: Into<Round<J, A>> + 'static,
>(
    at: &(impl Deref<Target = Line<J, A, L>> + Clone + 'static),
    job: J,
    request: &R,
    together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> W + Clone + 'static,
) -> Result<A, Missed> {
    let job = Job::new(job);
    let claim = job.claim();
    let (mut job, behind) = match at.stand(job, request.deadline()) {
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
    let mut leave = Leave { at: at.clone(), behind };
    if leave.behind.is_empty() {
        a_moment().await;
    }
    loop {
        leave.take_along();
        let latest = leave.behind.iter().map(|one| one.deadline).fold(request.deadline(), Duration::max);
        let mut shared = Box::pin(carry_out(leave, job, request.until(latest), together.clone()));
        let own = if latest == request.deadline() {
            Some(shared.as_mut().await)
        } else {
            request.in_time(&mut shared).await
        };
        match own {
            Some(Ok(answer)) => return answer.ok_or_else(|| claim.missed()),
            Some(Err(again)) => (leave, job) = again,
            None => {
                request.carry_on(Box::pin(async move { drop(shared.await) }));
                return Err(claim.missed());
            }
        }
    }
}

/// Does `job` and those behind it together, and tells each of those its answer. Says the answer to `job`, or that
/// they go again.
async fn carry_out<H: Deref<Target = Line<J, A, L>>, J, A, L: Default, R, W: Into<Round<J, A>> + 'static>(
    mut leave: Leave<H, J, A, L>,
    job: Job<J>,
    request: R,
    together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> W,
) -> Result<Option<A>, (Leave<H, J, A, L>, Job<J>)> {
    let (others, turns): (Vec<_>, Vec<_>) =
        std::mem::take(&mut leave.behind).into_iter().map(|one| (one.job, (one.deadline, one.turn))).unzip();
    let jobs = std::iter::once(job).chain(others).collect();
    let mut left = leave.at.left.take();
    let round = together(jobs, request, &mut left).await.into();
    leave.at.left.replace(left);
    match round {
        Round::Done(answers) => {
            let mut answers = answers.into_iter();
            let own = answers.next();
            for ((_, turn), answer) in turns.into_iter().zip(answers) {
                // A request that is gone no longer listens.
                let _ = turn.tell(Turn::Answered(answer));
            }
            Ok(own)
        }
        Round::Again(jobs) => {
            let mut jobs = jobs.into_iter();
            let Some(job) = jobs.next() else { return Ok(None) };
            let behind = jobs.zip(turns).map(|(job, (deadline, turn))| Waiting { job, deadline, turn });
            leave.behind.extend(behind);
            Err((leave, job))
        }
    }
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
pub async fn a_moment() {
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

/// The place of whoever is at the line. Whoever leaves, also by being given up, lets those behind go, or the next.
struct Leave<H: Deref<Target = Line<J, A, L>>, J, A, L> {
    at: H,
    behind: Vec<Waiting<J, A>>,
}

impl<H: Deref<Target = Line<J, A, L>>, J, A, L> Leave<H, J, A, L> {
    /// Those who have come go along, and those who have left do not.
    fn take_along(&mut self) {
        self.behind.extend(self.at.waiting.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default());
        self.behind.retain(|one| !one.job.is_taken_back());
    }
}

impl<H: Deref<Target = Line<J, A, L>>, J, A, L> Drop for Leave<H, J, A, L> {
    fn drop(&mut self) {
        self.at.go_on(std::mem::take(&mut self.behind));
    }
}

#[cfg(test)]
mod tests;
