//! A script on one Redis, or on the nodes of a cluster.
//!
//! Until a server says that it is one of a cluster, it is asked as any other is: one script. A cluster takes scripts
//! of one slot: what goes together is sent as one script for each slot, all at the same time, each to the node that
//! has the slot. A node that has it no longer says so and does nothing; the step goes where it was sent, for as long
//! as its deadline allows.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::cluster::{Map, Node, Redirect, slot};
use super::{Failed, Said, Step, each};

/// How often a script is sent on before it is given up: a slot moves once, and then the cluster is in order.
const ATTEMPTS: u32 = 16;
/// How long to wait before a node is asked again. Longer each time.
const PAUSE: Duration = Duration::from_millis(10);

/// The servers that a request can reach.
#[allow(async_fn_in_trait, reason = "a component has one thread; no caller needs Send")]
pub trait Nodes {
    /// What the instance knows of the cluster.
    fn map(&self) -> &RefCell<Map>;

    /// Carries out `steps` on a node in one script, which an `ASKING` precedes where that is said.
    ///
    /// # Errors
    /// [`Unanswered`].
    async fn eval(&self, node: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<Said>, Unanswered>;

    /// What a node knows of the cluster.
    async fn slots(&self, node: &Node) -> Map;

    /// Waits. Says whether there is still time then; does not wait where there will be none.
    async fn pause(&self, time: Duration) -> bool;
}

/// Why a node has not carried out a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Another one is to be asked.
    Redirected(Redirect),
    /// It is away, or is no master: in a cluster another one is, or will be, the one to ask.
    Away,
    /// As for a single Redis.
    Failed(Failed),
}

/// Carries out `steps`; an answer to each.
pub async fn run(nodes: &impl Nodes, steps: &[Step]) -> Vec<Result<Said, Failed>> {
    if nodes.map().borrow().is_stale() {
        learn(nodes).await;
    }
    if !nodes.map().borrow().is_cluster() {
        let failed = match nodes.eval(&Node::default(), false, &steps.iter().collect::<Vec<_>>()).await {
            Ok(said) => return said.into_iter().map(Ok).collect(),
            Err(Unanswered::Redirected(_)) => None,
            Err(Unanswered::Away) => Some(Failed::Refused),
            Err(Unanswered::Failed(failed)) => Some(failed),
        };
        if let Some(failed) = failed {
            return vec![Err(failed); steps.len()];
        }
        learn(nodes).await;
    }
    by_node(nodes, steps).await
}

/// As [`run`], in a cluster.
async fn by_node(nodes: &impl Nodes, steps: &[Step]) -> Vec<Result<Said, Failed>> {
    let groups = by_slot(steps);
    let script = |(slot, places): &(u16, Vec<usize>)| {
        let (slot, steps) = (*slot, places.iter().filter_map(|place| steps.get(*place)).collect());
        Box::pin(in_slot(nodes, slot, steps))
    };
    let answers = all(groups.iter().map(script).collect()).await;
    let mut said: Vec<Result<Said, Failed>> = vec![Err(Failed::Broken); steps.len()];
    for ((_, places), answer) in groups.iter().zip(answers) {
        for (place, answer) in places.iter().zip(each(answer, places.len())) {
            if let Some(said) = said.get_mut(*place) {
                *said = answer;
            }
        }
    }
    said
}

/// What each of `futures` comes to. `join_all` would do, at 8 KB a component.
async fn all<T, F: Future<Output = T>>(futures: Vec<Pin<Box<F>>>) -> Vec<T> {
    let mut running: Vec<Result<Pin<Box<F>>, T>> = futures.into_iter().map(Ok).collect();
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

/// The places of the steps in each slot, in their order.
fn by_slot(steps: &[Step]) -> Vec<(u16, Vec<usize>)> {
    let mut groups: Vec<(u16, Vec<usize>)> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let slot = slot(&step.key);
        match groups.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, places)) => places.push(place),
            None => groups.push((slot, vec![place])),
        }
    }
    groups
}

/// Carries out the steps of one slot, wherever that is.
async fn in_slot(nodes: &impl Nodes, slot: u16, steps: Vec<&Step>) -> Result<Vec<Said>, Failed> {
    let mut asked = None;
    for attempt in 1..=ATTEMPTS {
        let asking = asked.is_some();
        let node = asked.take().unwrap_or_else(|| nodes.map().borrow().node(slot));
        match nodes.eval(&node, asking, &steps).await {
            Ok(said) => return Ok(said),
            Err(Unanswered::Redirected(Redirect::Moved(slot, node))) => {
                nodes.map().borrow_mut().moved(slot, node);
            }
            Err(Unanswered::Redirected(Redirect::Ask(node))) => asked = Some(node),
            Err(Unanswered::Redirected(_) | Unanswered::Away) => {
                nodes.map().borrow_mut().doubt();
                if !nodes.pause(PAUSE.saturating_mul(attempt)).await {
                    break;
                }
                learn(nodes).await;
            }
            Err(Unanswered::Failed(failed)) => {
                nodes.map().borrow_mut().doubt();
                return Err(failed);
            }
        }
    }
    Err(Failed::Refused)
}

/// Asks one node after another what they know of the cluster, until one says.
async fn learn(nodes: &impl Nodes) {
    let known = nodes.map().borrow().nodes();
    for node in std::iter::once(Node::default()).chain(known) {
        let map = nodes.slots(&node).await;
        if map.is_cluster() {
            nodes.map().replace(map);
            return;
        }
    }
}

#[cfg(test)]
mod tests;
