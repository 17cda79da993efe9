//! Requests of one instance that want the same thing stand in line and go together.
//!
//! Whoever finds nobody goes first, with those who come in the same moment. Whoever comes later waits; when
//! the first is done, the one that has waited longest goes with all that have come. No timer: the groups
//! grow with the load. Nobody waits past a deadline of its own: those before it came before it, and so have
//! earlier ones.
//!
//! [`Line`] is one such line, [`Lines`] one for each key.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod bell;
mod keyed;

pub use keyed::Lines;

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use bell::{Listener, Teller, bell};

/// A line of jobs `J`, each of which has an answer `A`. Whoever is at it leaves an `L` for the next.
pub struct Line<J, A, L = ()> {
    /// Those behind whoever is at it; `None` when nobody is.
    waiting: RefCell<Option<Vec<Waiting<J, A>>>>,
    left: RefCell<L>,
}

struct Waiting<J, A> {
    job: J,
    turn: Teller<Turn<J, A>>,
}

/// What a waiting request is told.
enum Turn<J, A> {
    /// Somebody has done its job.
    Answered(A),
    /// It is first, here is its job back, and those behind it go with it.
    First(J, Vec<Waiting<J, A>>),
}

impl<J, A, L: Default> Default for Line<J, A, L> {
    fn default() -> Self {
        Self { waiting: RefCell::new(None), left: RefCell::default() }
    }
}

impl<J, A, L: Default> Line<J, A, L> {
    /// Gets `job` done: by `together`, with what else has come, or by whoever is first. `together` gives
    /// an answer to each of its jobs, in their order; its first job is this one. It is given what the one
    /// before left, which is nothing if that one was given up, and leaves something in its place.
    ///
    /// `None` when whoever took the job along is gone, or gave no answer to it: it may have been done.
    pub async fn go(&self, job: J, together: impl AsyncFnOnce(Vec<J>, &mut L) -> Vec<A>) -> Option<A> {
        let (job, mut behind) = match self.stand(job) {
            Ok(job) => (job, Vec::new()),
            Err(mut place) => match place.turn.listen().await? {
                Turn::Answered(answer) => return Some(answer),
                Turn::First(job, behind) => (job, behind),
            },
        };
        let _leave = Leave(self);
        if behind.is_empty() {
            a_moment().await;
            behind = self.waiting.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default();
        }
        let mut jobs = vec![job];
        let mut turns = Vec::with_capacity(behind.len());
        for waiting in behind {
            jobs.push(waiting.job);
            turns.push(waiting.turn);
        }
        let mut left = self.left.take();
        let mut answers = together(jobs, &mut left).await.into_iter();
        self.left.replace(left);
        let own = answers.next();
        for (turn, answer) in turns.into_iter().zip(answers) {
            // A request that was given up no longer listens.
            let _ = turn.tell(Turn::Answered(answer));
        }
        own
    }
}

impl<J, A, L> Line<J, A, L> {
    /// Waits behind whoever is there; gives the job back when nobody is.
    fn stand(&self, job: J) -> Result<J, Place<'_, J, A, L>> {
        let mut waiting = self.waiting.borrow_mut();
        let Some(line) = waiting.as_mut() else {
            *waiting = Some(Vec::new());
            return Ok(job);
        };
        let (turn, told) = bell();
        line.push(Waiting { job, turn });
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
struct Leave<'a, J, A, L>(&'a Line<J, A, L>);

impl<J, A, L> Drop for Leave<'_, J, A, L> {
    fn drop(&mut self) {
        self.0.go_on(Vec::new());
    }
}

#[cfg(test)]
mod tests;
