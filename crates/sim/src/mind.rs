//! A request under way: the bank's code, seen as something that makes calls and is fed replies.
//!
//! Two kinds. [`Live`] polls the real future. [`Learned`] remembers what the real future did: it is
//! deterministic, so what it does next is a function of the replies so far. The exhaustive explorer
//! copies its clients at every fork, which futures do not allow; a learned mind is a node in a tree
//! of replies, and only a node that was never visited runs the real code once, from the start.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use store::kv::Kv;

use crate::call::Input;
use crate::planted::{Bug, Crooked};
use crate::raw::{Mailbox, Pending};
use crate::task::{Answer, Task, perform};

/// What can be seen of a request from outside.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The calls that wait for an answer.
    pub pending: Vec<Pending>,
    /// The calls that the last input made nobody wait for any more.
    pub abandoned: Vec<Pending>,
    /// The request's answer, when it has one.
    pub answer: Option<Answer>,
}

/// A request under way.
pub trait Mind: Sized {
    /// What all requests share.
    type School;

    /// Begins a request.
    fn start(school: &Self::School, task: &Rc<Task>) -> Self;

    /// Lets something happen to it.
    fn feed(&mut self, input: Input);

    /// What it does now.
    fn view(&self) -> &View;
}

/// The real future.
pub struct Live {
    mailbox: Rc<Mailbox>,
    future: Pin<Box<dyn Future<Output = Answer>>>,
    view: View,
}

impl Live {
    fn run(&mut self) {
        if self.view.answer.is_none()
            && let Poll::Ready(answer) = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.view.answer = Some(answer);
            // Nobody waits any more for what the request left unfinished.
            self.future = Box::pin(std::future::pending());
        }
        self.view.abandoned = self.mailbox.abandoned();
        self.view.pending = self.mailbox.pending();
    }
}

impl Mind for Live {
    /// The bug that is planted, if one is.
    type School = Option<Bug>;

    fn start(bug: &Option<Bug>, task: &Rc<Task>) -> Self {
        let mailbox = Rc::new(Mailbox::default());
        let (opening, task, bug) = (Rc::clone(&mailbox), Rc::clone(task), *bug);
        let future: Pin<Box<dyn Future<Output = Answer>>> = match bug {
            None => Box::pin(async move { perform(|| Kv::new(opening.open()), &task).await }),
            Some(bug) => Box::pin(async move {
                let open = || Crooked::new(opening.open(), bug, Rc::clone(&task));
                bug.perform(open, &task).await
            }),
        };
        let mut live = Self { mailbox, future, view: View::default() };
        live.run();
        live
    }

    fn feed(&mut self, input: Input) {
        match input {
            Input::Reply(number, reply) => self.mailbox.answer(number, reply),
            Input::Deadline => self.mailbox.expire(),
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

/// Everything that requests have been seen to do.
#[derive(Debug)]
pub struct School {
    bug: Option<Bug>,
    roots: RefCell<Vec<(Rc<Task>, usize)>>,
    nodes: RefCell<Vec<Node>>,
}

#[derive(Debug)]
struct Node {
    task: Rc<Task>,
    history: Vec<Input>,
    view: Rc<View>,
    next: HashMap<Input, usize>,
}

/// A place in what requests have been seen to do.
#[derive(Debug, Clone)]
pub struct Learned {
    school: Rc<School>,
    node: usize,
    view: Rc<View>,
}

impl School {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(bug: Option<Bug>) -> Rc<Self> {
        Rc::new(Self { bug, roots: RefCell::default(), nodes: RefCell::default() })
    }

    /// Runs the real code through `history`, and remembers where it got.
    fn learn(&self, task: &Rc<Task>, history: Vec<Input>) -> usize {
        let mut live = Live::start(&self.bug, task);
        for input in &history {
            live.feed(input.clone());
        }
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { task: Rc::clone(task), history, view: Rc::new(live.view), next: HashMap::new() });
        nodes.len() - 1
    }

    fn view(&self, node: usize) -> Rc<View> {
        self.nodes.borrow().get(node).map(|node| Rc::clone(&node.view)).unwrap_or_default()
    }
}

impl Learned {
    /// The same number for the same task and replies.
    #[must_use]
    pub fn place(&self) -> usize {
        self.node
    }
}

impl Mind for Learned {
    type School = Rc<School>;

    fn start(school: &Rc<School>, task: &Rc<Task>) -> Self {
        let known = school.roots.borrow().iter().find(|(root, _)| Rc::ptr_eq(root, task)).map(|root| root.1);
        let node = known.unwrap_or_else(|| {
            let node = school.learn(task, Vec::new());
            school.roots.borrow_mut().push((Rc::clone(task), node));
            node
        });
        Self { school: Rc::clone(school), node, view: school.view(node) }
    }

    fn feed(&mut self, input: Input) {
        let (known, task, mut history) = {
            let nodes = self.school.nodes.borrow();
            let Some(node) = nodes.get(self.node) else { return };
            match node.next.get(&input) {
                Some(&next) => (Some(next), None, Vec::new()),
                None => (None, Some(Rc::clone(&node.task)), node.history.clone()),
            }
        };
        let next = match (known, task) {
            (Some(next), _) => next,
            (None, Some(task)) => {
                history.push(input.clone());
                let next = self.school.learn(&task, history);
                if let Some(node) = self.school.nodes.borrow_mut().get_mut(self.node) {
                    node.next.insert(input, next);
                }
                next
            }
            (None, None) => return,
        };
        self.node = next;
        self.view = self.school.view(next);
    }

    fn view(&self) -> &View {
        &self.view
    }
}
