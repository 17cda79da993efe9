//! A fake cluster that tests control.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::reason::Reason;
use crate::redis::cluster::{Node, Redirect, SlotMap, slot};
use crate::redis::nodes::{Nodes, Unanswered};
use crate::redis::script::ReplyValue;
use crate::redis::{Step, StepReply};

/// By its port, which is never 0.
pub fn node(number: u16) -> Node {
    match Redirect::of(Reason::of("MOVED"), &format!("MOVED 0 n:{}", number + 1)) {
        Some(Redirect::Moved(_, node)) => node,
        other => panic!("{other:?}"),
    }
}

#[derive(Default)]
pub struct Cluster {
    pub known: RefCell<SlotMap>,
    pub nodes: u16,
    /// Who has a slot, where that is not the node with its remainder.
    pub moved: RefCell<BTreeMap<u16, u16>>,
    /// Slots whose keys have gone, while they still are the node's: where to.
    pub leaving: RefCell<BTreeMap<u16, u16>>,
    pub away: RefCell<BTreeSet<u16>>,
    pub done: RefCell<Vec<(u16, bool, Vec<Step>)>>,
    /// Slots of which some keys have gone: a script of several is told to come again.
    pub half_moved: RefCell<BTreeSet<u16>>,
    /// Nodes that think that the cluster is down.
    pub cut_off: RefCell<BTreeSet<u16>>,
    /// A node that tells of the cluster as it was at first.
    pub ignorant: Cell<Option<u16>>,
    /// Nodes that never answer.
    pub hung: RefCell<BTreeSet<u16>>,
    pub asked: Cell<u32>,
    pub looks: Cell<u64>,
    /// Who was asked for the map.
    pub advisers: RefCell<Vec<u16>>,
    pub gave_up: RefCell<Vec<Reason>>,
    /// How long may still be waited.
    pub pauses: Cell<u32>,
}

impl Cluster {
    pub fn of(nodes: u16) -> Self {
        Self { nodes, pauses: Cell::new(100), ..Self::default() }
    }

    pub fn owner(&self, slot: u16) -> u16 {
        self.moved.borrow().get(&slot).copied().unwrap_or(slot % self.nodes)
    }

    /// What `CLUSTER SLOTS` answers.
    pub fn slots_as_they_are(&self) -> Vec<ReplyValue> {
        (0..16_384_u16)
            .flat_map(|slot| {
                let (port, slot) = (i64::from(self.owner(slot)) + 1, i64::from(slot));
                [
                    ReplyValue::Code(slot),
                    ReplyValue::Code(slot),
                    ReplyValue::Bytes(b"n".to_vec()),
                    ReplyValue::Code(port),
                ]
                .into_iter()
                .chain([ReplyValue::Bytes(b"id".to_vec())])
            })
            .collect()
    }

    /// The instance knows who has what.
    pub fn learn_all(&self) {
        self.known.borrow_mut().learn(&node(0), &self.slots_as_they_are());
    }

    /// Who is asked by a name; the one that `redis_url` names is node 0.
    pub fn number(&self, asked: &Node) -> u16 {
        (0..self.nodes).find(|port| node(*port) == *asked).unwrap_or(0)
    }

    pub fn is_away(&self, number: u16) -> bool {
        self.away.borrow().contains(&number)
    }
}

impl Nodes for Cluster {
    fn map(&self) -> &RefCell<SlotMap> {
        &self.known
    }

    async fn eval(&self, asked: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
        self.asked.update(|asked| asked + 1);
        let number = self.number(asked);
        if self.hung.borrow().contains(&number) {
            return std::future::pending().await;
        }
        if self.is_away(number) {
            return Err(Unanswered::Away);
        }
        if self.cut_off.borrow().contains(&number) {
            return Err(redis_error("CLUSTERDOWN The cluster is down"));
        }
        let slots: BTreeSet<u16> =
            steps.iter().flat_map(|step| step.keys().map(slot).collect::<Vec<_>>()).collect();
        let [slot] = *slots.into_iter().collect::<Vec<_>>() else {
            return Err(redis_error("CROSSSLOT Keys in request don't hash to the same slot"));
        };
        if self.half_moved.borrow().contains(&slot) && steps.iter().flat_map(|step| step.keys()).count() > 1 {
            return Err(redis_error("TRYAGAIN Multiple keys request during rehashing of slot"));
        }
        let (owner, leaving) = (self.owner(slot), self.leaving.borrow().get(&slot).copied());
        match leaving {
            Some(to) if asking && number == to => {}
            Some(to) if number == owner => return Err(redis_error(&format!("ASK {slot} n:{}", to + 1))),
            _ if number == owner => {}
            _ => return Err(redis_error(&format!("MOVED {slot} n:{}", owner + 1))),
        }
        self.done.borrow_mut().push((number, asking, steps.iter().copied().cloned().collect()));
        Ok(steps.iter().map(|step| StepReply::Unchanged(Some(step.key.clone().into_bytes()))).collect())
    }

    async fn slots(&self, asked: &Node) -> Vec<ReplyValue> {
        self.advisers.borrow_mut().push(self.number(asked));
        if self.ignorant.get() == Some(self.number(asked)) {
            return Self::of(self.nodes).slots_as_they_are();
        }
        if self.is_away(self.number(asked)) { Vec::new() } else { self.slots_as_they_are() }
    }

    /// Much time passes between two looks at the clock.
    fn now(&self) -> Duration {
        self.looks.update(|looks| looks + 1);
        Duration::from_secs(self.looks.get())
    }

    async fn pause(&self, _: Duration) -> bool {
        let left = self.pauses.get();
        self.pauses.set(left.saturating_sub(1));
        left > 0
    }

    fn gave_up(&self, why: Reason) {
        self.gave_up.borrow_mut().push(why);
    }
}

/// What a node says in Redis's words.
pub fn redis_error(text: &str) -> Unanswered {
    let reason = Reason::of(text);
    match Redirect::of(reason, text) {
        Some(redirect) => Unanswered::Redirected(redirect, reason),
        None => panic!("{text}"),
    }
}
