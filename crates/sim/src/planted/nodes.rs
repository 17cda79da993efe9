//! Planted bugs in where a script goes in a cluster.

use std::cell::RefCell;
use std::time::Duration;

use store::redis::cluster::{Node, Redirect, SlotMap, slot};
use store::redis::nodes::{Nodes, Unanswered};
use store::redis::script::ReplyValue;
use store::redis::{self, RawRedis, ScriptFailure, Step, StepReply};

use super::bug::Bug;
use super::buggy_raw::BuggyRaw;

/// Sends all steps to the node that has the first one's slot.
pub(super) async fn send_all<R: RawRedis + Nodes>(
    raw: &R,
    steps: &[Step],
) -> Vec<Result<StepReply, ScriptFailure>> {
    let node = {
        let map = raw.map().borrow();
        steps.first().filter(|_| map.is_cluster()).map(|step| map.node(slot(&step.key)))
    };
    let Some(node) = node else { return raw.run(steps).await };
    let answer = raw.eval(&node, false, &steps.iter().collect::<Vec<_>>()).await;
    redis::answer_each(answer.map_err(|_| ScriptFailure::Refused), steps.len())
}

impl<R: RawRedis + Nodes> Nodes for BuggyRaw<R> {
    fn map(&self) -> &RefCell<SlotMap> {
        self.raw.map()
    }

    async fn eval(&self, node: &Node, asking: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
        let answer = self.raw.eval(node, asking, steps).await;
        let Err(unanswered) = answer else { return answer };
        let redirected = |redirect, reason| Err(Unanswered::Redirected(redirect, reason));
        match (self.bug, unanswered) {
            (Bug::FollowsAnAskForEver, Unanswered::Redirected(Redirect::Ask(to), _)) => loop {
                let answer = self.raw.eval(&to, true, steps).await;
                if !matches!(answer, Err(Unanswered::Redirected(..))) {
                    return answer;
                }
            },
            (Bug::TakesAnAskForAMove, Unanswered::Redirected(Redirect::Ask(to), reason)) => {
                let slot = steps.first().map_or(0, |step| slot(&step.key));
                redirected(Redirect::Moved(slot, to), reason)
            }
            (Bug::KeepsAStaleMap, Unanswered::Redirected(Redirect::Moved(slot, _), reason)) => {
                redirected(Redirect::Moved(slot, node.clone()), reason)
            }
            (Bug::TakesARedirectForDone, Unanswered::Redirected(..)) => {
                Ok(steps.iter().map(|_| StepReply::Done(None)).collect())
            }
            (Bug::SendsABreakToTheNextNode, Unanswered::Failed(ScriptFailure::Broken)) => {
                Err(Unanswered::Away)
            }
            (_, unanswered) => Err(unanswered),
        }
    }

    async fn slots(&self, node: &Node) -> Vec<ReplyValue> {
        self.raw.slots(node).await
    }

    fn now(&self) -> Duration {
        Nodes::now(&self.raw)
    }

    async fn pause(&self, time: Duration) -> bool {
        self.raw.pause(time).await
    }
}
