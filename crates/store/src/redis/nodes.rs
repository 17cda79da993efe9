//! Sends a script to one Redis, or to the nodes of a cluster.
//!
//! Until a server says that it belongs to a cluster, it is treated as a single Redis: all waiting steps go in one
//! script. A cluster accepts scripts of one slot only, so there each slot has its own queue ([`StepQueues`]), and each
//! script goes to the node that has the slot. A node that is away, or a slot that moves, delays no other slot. A
//! node that no longer has the slot answers with a redirect and does nothing; the script follows the redirect for
//! as long as its deadline allows.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::cluster::{Node, Redirect, SlotMap, slot};
use super::script::ReplyValue;
use super::{ScriptFailure, Step, StepQueue, StepReply, answer_each};
use crate::reason::Reason;

/// How many redirects a script follows before it is given up: a slot moves once, and then the cluster is in order.
const MAX_REDIRECTS: u32 = 16;
/// How many nodes are asked for the map in a row, if each of them names a doubted node.
const MAX_ADVISERS: u32 = 3;
/// How long to wait before a node is asked again; longer each time.
const PAUSE: Duration = Duration::from_millis(10);

/// The servers that a request can reach.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait Nodes {
    /// What the instance knows of the cluster.
    fn map(&self) -> &RefCell<SlotMap>;

    /// Carries out `steps` on a node in one script, preceded by an `ASKING` if `asking`.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    async fn eval(&self, node: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered>;

    /// A node's answer to `CLUSTER SLOTS`, flattened; empty if it does not answer soon.
    async fn slots(&self, node: &Node) -> Vec<ReplyValue>;

    /// The time since a fixed moment, the same for all requests of an instance.
    fn now(&self) -> Duration;

    /// Waits. Returns whether there is still time then; does not wait if there will be none.
    async fn pause(&self, time: Duration) -> bool;

    /// Called with the reason when a script is given up after redirects.
    fn gave_up(&self, _why: Reason) {}
}

/// Why a node has not carried out a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Another node must be asked, by this answer of the node.
    Redirected(Redirect, Reason),
    /// It is away, or is no master: in a cluster another node has the slot, or will have it.
    Away,
    /// The script failed as it would on a single Redis.
    Failed(ScriptFailure),
}

/// The queues of steps that wait for the script in flight: in a cluster one for each slot, otherwise a single one.
#[derive(Default)]
pub struct StepQueues {
    server: Rc<StepQueue>,
    /// The queues of slots that requests use.
    slots: RefCell<Vec<(u16, Rc<StepQueue>)>>,
}

impl StepQueues {
    /// The queue of steps on this key.
    pub fn at(&self, map: &SlotMap, key: &str) -> Rc<StepQueue> {
        if !map.is_cluster() {
            return Rc::clone(&self.server);
        }
        let slot = slot(key);
        let mut slots = self.slots.borrow_mut();
        if let Some((_, steps)) = slots.iter().find(|(known, _)| *known == slot) {
            return Rc::clone(steps);
        }
        slots.retain(|(_, steps)| Rc::strong_count(steps) > 1);
        let steps = Rc::<StepQueue>::default();
        slots.push((slot, Rc::clone(&steps)));
        steps
    }
}

/// Carries out `steps`; returns an answer to each.
pub async fn run(nodes: &impl Nodes, steps: &[Step]) -> Vec<Result<StepReply, ScriptFailure>> {
    if nodes.map().borrow().is_stale() {
        learn(nodes).await;
    }
    let all = steps.iter().collect::<Vec<_>>();
    let (is_cluster, is_in_cluster) = {
        let map = nodes.map().borrow();
        (map.is_cluster(), map.is_in_cluster())
    };
    if !is_in_cluster {
        return on_one_server(nodes, &all).await;
    }
    if !is_cluster {
        // A server that is no part of the cluster must not take the money.
        nodes.gave_up(Reason::NO_MAP);
        return vec![Err(ScriptFailure::Refused); steps.len()];
    }
    match one_slot(steps) {
        Some(slot) => in_slot(nodes, slot, all).await,
        None => vec![Err(ScriptFailure::BySlot); steps.len()],
    }
}

/// Like [`run`], while no cluster is known.
async fn on_one_server(nodes: &impl Nodes, steps: &[&Step]) -> Vec<Result<StepReply, ScriptFailure>> {
    let answer = match eval_or_doubt(nodes, &Node::default(), false, steps).await {
        Ok(said) => Ok(said),
        Err(Unanswered::Redirected(redirect, why)) => {
            learn(nodes).await;
            if let Redirect::Moved(slot, node) = redirect
                && !nodes.map().borrow().is_cluster()
            {
                nodes.map().borrow_mut().moved(slot, node);
            }
            let is_known = nodes.map().borrow().is_cluster();
            if !is_known {
                nodes.gave_up(why);
            }
            Err(if is_known { ScriptFailure::BySlot } else { ScriptFailure::Refused })
        }
        Err(Unanswered::Away) => Err(ScriptFailure::Refused),
        Err(Unanswered::Failed(failed)) => Err(failed),
    };
    answer_each(answer, steps.len())
}

/// The slot that all steps are in.
fn one_slot(steps: &[Step]) -> Option<u16> {
    let mut slots = steps.iter().map(|step| slot(&step.key));
    let first = slots.next()?;
    slots.all(|slot| slot == first).then_some(first)
}

/// Carries out the steps of one slot, wherever that is. A node that is away, and has the slot as far as is known, is
/// not waited for: a failover takes longer than any deadline, and other steps wait.
async fn in_slot(nodes: &impl Nodes, slot: u16, steps: Vec<&Step>) -> Vec<Result<StepReply, ScriptFailure>> {
    let mut asked = None;
    let mut why = None;
    for attempt in 1..=MAX_REDIRECTS {
        let asking = asked.is_some();
        let node = asked.take().unwrap_or_else(|| nodes.map().borrow().node(slot));
        match eval_or_doubt(nodes, &node, asking, &steps).await {
            Ok(said) => return answer_each(Ok(said), steps.len()),
            Err(Unanswered::Failed(failed)) => return answer_each(Err(failed), steps.len()),
            Err(Unanswered::Redirected(Redirect::Moved(slot, node), reason)) => {
                nodes.map().borrow_mut().moved(slot, node);
                why = Some(reason);
            }
            Err(Unanswered::Redirected(Redirect::Ask(node), reason)) => {
                (asked, why) = (Some(node), Some(reason));
            }
            // A script with fewer keys finds them in one place more often.
            Err(Unanswered::Redirected(Redirect::Later, _)) if steps.len() > 1 => {
                return one_by_one(nodes, slot, steps).await;
            }
            Err(Unanswered::Redirected(Redirect::Later, reason)) => {
                why = Some(reason);
                if !nodes.pause(PAUSE.saturating_mul(attempt)).await {
                    break;
                }
            }
            Err(unanswered) => {
                why = match unanswered {
                    Unanswered::Redirected(_, reason) => Some(reason),
                    _ => None,
                };
                learn(nodes).await;
                if nodes.map().borrow().node(slot) == node {
                    break;
                }
            }
        }
    }
    if let Some(why) = why {
        nodes.gave_up(why);
    }
    vec![Err(ScriptFailure::Refused); steps.len()]
}

/// Carries out each step of one slot in a script of its own, all at the same time.
async fn one_by_one(
    nodes: &impl Nodes,
    slot: u16,
    steps: Vec<&Step>,
) -> Vec<Result<StepReply, ScriptFailure>> {
    let alone = |step| {
        let script: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(in_slot(nodes, slot, vec![step]));
        script
    };
    join_all(steps.into_iter().map(alone).collect()).await.into_iter().flatten().collect()
}

/// The results of `futures`. It replaces `join_all`, which is 8 KB in a component.
async fn join_all<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut running: Vec<Result<_, T>> = futures.into_iter().map(Ok).collect();
    poll_fn(|context| {
        let mut waits = false;
        for one in &mut running {
            if let Ok(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(done) => *one = Err(done),
                    Poll::Pending => waits = true,
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(Result::err).collect()
}

/// [`Nodes::eval`], which doubts the node if it is away, fails, reports that the cluster is down, or does not answer
/// by the deadline.
async fn eval_or_doubt(
    nodes: &impl Nodes,
    node: &Node,
    asking: bool,
    steps: &[&Step],
) -> Result<Vec<StepReply>, Unanswered> {
    let mut answers = DoubtedCall { map: nodes.map(), node, has_answered: false };
    let answer = nodes.eval(node, asking, steps).await;
    answers.has_answered = match &answer {
        Ok(_) => true,
        // It knows less than others, or none of them knows.
        Err(Unanswered::Redirected(Redirect::Down, _)) => false,
        Err(unanswered) => matches!(unanswered, Unanswered::Redirected(..)),
    };
    answer
}

/// A call to a node, which is doubted unless it answers.
struct DoubtedCall<'a> {
    map: &'a RefCell<SlotMap>,
    node: &'a Node,
    has_answered: bool,
}

impl Drop for DoubtedCall<'_> {
    fn drop(&mut self) {
        let mut map = self.map.borrow_mut();
        if self.has_answered {
            map.trust(self.node);
        } else if map.is_in_cluster() {
            map.doubt_node(self.node);
        }
    }
}

/// Asks one node after another for the map, until one answers without naming a doubted node: a node may have been cut
/// off before that one was lost. While one request asks, others use the old map.
async fn learn(nodes: &impl Nodes) {
    let Some(_learning) = Learning::begin(nodes.map(), nodes.now()) else { return };
    let advisers = nodes.map().borrow_mut().advisers();
    let mut others = 1..MAX_ADVISERS;
    for node in advisers {
        let values = nodes.slots(&node).await;
        if nodes.map().borrow_mut().learn(&node, &values) {
            if !nodes.map().borrow().names_doubted() || others.next().is_none() {
                return;
            }
        } else {
            nodes.map().borrow_mut().doubt_node(&node);
        }
    }
}

/// The request that asks for the map. When it ends, or is given up, another one may ask.
struct Learning<'a>(&'a RefCell<SlotMap>);

impl<'a> Learning<'a> {
    fn begin(map: &'a RefCell<SlotMap>, now: Duration) -> Option<Self> {
        let begins = map.borrow_mut().begin_learning(now);
        begins.then(|| Self(map))
    }
}

impl Drop for Learning<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().end_learning();
    }
}

#[cfg(test)]
mod tests;
