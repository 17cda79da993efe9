//! A running instance of the bank: its code makes calls and gets replies.
//!
//! Its requests sit in numbered seats. They share what the requests of one instance share: the breaker, the batches
//! of a wallet, the steps that wait for the script in flight. There are two kinds. [`Live`] polls the real futures.
//! [`Learned`] remembers what the real futures did: they are deterministic, so what they do next is a function of
//! what happened so far. The exhaustive explorer copies its instances at every fork, which futures do not allow. A
//! learned mind is its history of inputs. The real code runs only for a history that was not seen before, once, from
//! the start.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use batch::RemainingWork;
use store::breaker::BreakerState;
use store::kv::Kv;
use store::redis::Redis;

use crate::call::Reply;
use crate::direct::Woken;
use crate::disk::Adapter;
use crate::planted::{Bug, BuggyRaw, BuggyStore};
use crate::raw::{Mailbox, Pending, Shared};
use crate::task::{Answer, Queues, Task, perform};

/// How much time passes at once: half of the time that the breaker stays open.
const TICK: Duration = Duration::from_millis(250);

/// What can happen to an instance from outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// A request comes to this seat.
    Start(usize, Question),
    /// This call of this seat's request is answered.
    Reply(usize, u32, Reply),
    /// The deadline of this seat's request passes, with all that are earlier.
    Deadline(usize),
    /// The request in this seat is given up.
    GiveUp(usize),
    /// Time passes.
    Wait,
}

/// A task; two are equal when they are the same one.
#[derive(Debug, Clone)]
pub struct Question(pub Rc<Task>);

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

/// What can be seen of a request from outside.
#[derive(Debug, Clone, Default)]
pub struct Seat {
    /// The calls that wait for an answer.
    pub pending: Vec<Pending>,
    /// The calls that nobody waits for any more since the last input.
    pub abandoned: Vec<Pending>,
    /// The answer that the last input led to.
    pub answer: Option<Answer>,
    /// A request is under way.
    pub taken: bool,
    /// Its deadline has passed.
    pub late: bool,
}

/// What can be seen of an instance from outside.
#[derive(Debug, Clone)]
pub struct View {
    /// Its seats.
    pub seats: Vec<Seat>,
    /// What its breaker lets through.
    pub breaker: BreakerState,
    /// A deadline has passed since the store last answered.
    pub missed: bool,
    /// Answered requests have left work for others.
    pub carries_on: bool,
}

impl View {
    const NEW: Self =
        Self { seats: Vec::new(), breaker: BreakerState::Closed, missed: false, carries_on: false };

    /// Whether it is as good as new.
    fn rests(&self) -> bool {
        let busy = self.carries_on || self.seats.iter().any(|seat| seat.taken);
        !self.missed && self.breaker == BreakerState::Closed && !busy
    }
}

/// A running instance.
pub trait Mind: Sized {
    /// What all instances share.
    type Memo;

    /// An instance that nobody has asked for anything.
    fn new(memo: &Self::Memo, adapter: Adapter) -> Self;

    /// Lets something happen to it.
    fn feed(&mut self, input: Input);

    /// What can be seen of it now.
    fn view(&self) -> &View;
}

type RequestFuture = Pin<Box<dyn Future<Output = Answer>>>;

/// An instance that polls the real futures.
pub struct Live {
    bug: Option<Bug>,
    adapter: Adapter,
    shared: Rc<Shared>,
    batchers: Rc<Queues>,
    seats: Vec<(Rc<Mailbox>, Option<RequestFuture>)>,
    carried: Vec<RemainingWork>,
    view: View,
}

impl Live {
    fn request(&self, mailbox: &Rc<Mailbox>, task: Rc<Task>) -> RequestFuture {
        let (mailbox, shared) = (Rc::clone(mailbox), Rc::clone(&self.shared));
        let batchers = Rc::clone(&self.batchers);
        let open = move || mailbox.open(&shared);
        match (self.adapter, self.bug) {
            (Adapter::Kv, None) => {
                Box::pin(async move { perform(|| Kv::new(open()), &batchers, &task).await })
            }
            (_, None) => Box::pin(async move { perform(|| Redis::new(open()), &batchers, &task).await }),
            (Adapter::Kv, Some(bug)) => Box::pin(async move {
                let open = || BuggyStore::new(Kv::new(BuggyRaw::new(open(), bug)), bug, Rc::clone(&task));
                bug.perform(open, &batchers, &task).await
            }),
            (_, Some(bug)) => Box::pin(async move {
                let redis = || Redis::new(BuggyRaw::new(open(), bug));
                bug.perform(|| BuggyStore::new(redis(), bug, Rc::clone(&task)), &batchers, &task).await
            }),
        }
    }

    fn start(&mut self, seat: usize, task: Rc<Task>) {
        if self.seats.len() <= seat {
            self.seats.resize_with(seat + 1, || (Rc::default(), None));
        }
        // Work that an earlier request has left for others makes calls from the same mailbox, perhaps later.
        let held = self.seats.get(seat).map(|(mailbox, _)| mailbox);
        let held = held.filter(|mailbox| Rc::strong_count(mailbox) > 1).map(Rc::clone);
        let mailbox = held.unwrap_or_default();
        let request = self.request(&mailbox, task);
        if let Some(place) = self.seats.get_mut(seat) {
            *place = (mailbox, Some(request));
        }
    }

    /// Polls all tasks until none of them can go on.
    fn run(&mut self) {
        let (woken, waker) = Woken::new();
        let mut answers: Vec<Option<Answer>> = self.seats.iter().map(|_| None).collect();
        loop {
            for ((_, request), answer) in self.seats.iter_mut().zip(&mut answers) {
                let Some(future) = request else { continue };
                if let Poll::Ready(ready) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    *answer = Some(ready);
                    // Nobody waits any more for the rest of the request.
                    *request = None;
                }
            }
            self.carried.append(&mut self.shared.carried.borrow_mut());
            let mut context = Context::from_waker(&waker);
            self.carried.retain_mut(|rest| rest.as_mut().poll(&mut context).is_pending());
            // Work that was only left now has not been polled yet.
            if !woken.again() && self.shared.carried.borrow().is_empty() {
                break;
            }
        }
        let seat = |((mailbox, request), answer): (&(Rc<Mailbox>, Option<RequestFuture>), _)| Seat {
            pending: mailbox.pending(),
            abandoned: mailbox.abandoned(),
            answer,
            taken: request.is_some(),
            late: mailbox.is_late(&self.shared),
        };
        self.view.seats = self.seats.iter().zip(answers).map(seat).collect();
        self.view.breaker = self.shared.breaker.state(self.shared.now.get());
        self.view.carries_on = !self.carried.is_empty();
    }
}

impl Mind for Live {
    /// The bug that is planted, if one is.
    type Memo = Option<Bug>;

    fn new(bug: &Option<Bug>, adapter: Adapter) -> Self {
        Self {
            bug: *bug,
            adapter,
            shared: Shared::new(adapter),
            batchers: Rc::default(),
            seats: Vec::new(),
            carried: Vec::new(),
            view: View::NEW,
        }
    }

    fn feed(&mut self, input: Input) {
        match input {
            Input::Start(seat, Question(task)) => self.start(seat, task),
            Input::Reply(seat, number, reply) => {
                if let Some((mailbox, _)) = self.seats.get(seat) {
                    self.view.missed &= !mailbox.answer(number, reply);
                }
            }
            Input::Deadline(seat) => {
                self.view.missed = true;
                if let Some((mailbox, _)) = self.seats.get(seat) {
                    mailbox.expire(&self.shared);
                }
            }
            Input::GiveUp(seat) => {
                if let Some((_, request)) = self.seats.get_mut(seat) {
                    *request = None;
                }
            }
            Input::Wait => self.shared.now.set(self.shared.now.get() + TICK),
        }
        self.run();
    }

    fn view(&self) -> &View {
        &self.view
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// What instances did after each history of inputs: a tree.
#[derive(Debug)]
pub struct Memo {
    bug: Option<Bug>,
    roots: RefCell<HashMap<Adapter, usize>>,
    nodes: RefCell<Vec<MemoNode>>,
}

#[derive(Debug)]
struct MemoNode {
    adapter: Adapter,
    history: Vec<Input>,
    view: Rc<View>,
    next: HashMap<Input, usize>,
}

/// A node in that tree.
#[derive(Debug, Clone)]
pub struct Learned {
    memo: Rc<Memo>,
    root: usize,
    node: usize,
    view: Rc<View>,
}

impl Memo {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(bug: Option<Bug>) -> Rc<Self> {
        Rc::new(Self { bug, roots: RefCell::default(), nodes: RefCell::default() })
    }

    /// Runs the real code through `history`, and records the result.
    fn learn(&self, adapter: Adapter, history: Vec<Input>) -> usize {
        let mut live = Live::new(&self.bug, adapter);
        for input in &history {
            live.feed(input.clone());
        }
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(MemoNode { adapter, history, view: Rc::new(live.view), next: HashMap::new() });
        nodes.len() - 1
    }

    fn view(&self, node: usize) -> Rc<View> {
        self.nodes.borrow().get(node).map_or_else(|| Rc::new(View::NEW), |node| Rc::clone(&node.view))
    }

    /// Where `input` leads to from `node`.
    fn next(&self, node: usize, input: Input) -> usize {
        let (adapter, mut history) = {
            let nodes = self.nodes.borrow();
            let Some(from) = nodes.get(node) else { return node };
            if let Some(&next) = from.next.get(&input) {
                return next;
            }
            (from.adapter, from.history.clone())
        };
        history.push(input.clone());
        let next = self.learn(adapter, history);
        if let Some(node) = self.nodes.borrow_mut().get_mut(node) {
            node.next.insert(input, next);
        }
        next
    }
}

impl Learned {
    /// A number that is the same for the same past; a new instance has none.
    #[must_use]
    pub fn place(&self) -> usize {
        if self.view.rests() { self.root } else { self.node }
    }
}

impl Mind for Learned {
    type Memo = Rc<Memo>;

    fn new(memo: &Rc<Memo>, adapter: Adapter) -> Self {
        let known = memo.roots.borrow().get(&adapter).copied();
        let root = known.unwrap_or_else(|| {
            let root = memo.learn(adapter, Vec::new());
            memo.roots.borrow_mut().insert(adapter, root);
            root
        });
        Self { memo: Rc::clone(memo), root, node: root, view: memo.view(root) }
    }

    fn feed(&mut self, input: Input) {
        self.node = self.memo.next(self.place(), input);
        self.view = self.memo.view(self.node);
    }

    fn view(&self) -> &View {
        &self.view
    }
}
