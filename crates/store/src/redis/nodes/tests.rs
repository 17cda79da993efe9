//! Scripts in a fake cluster: slots that belong to nodes, slots that move, nodes that are away.

#![allow(clippy::arithmetic_side_effects, reason = "in a test an overflow may stop it")]

use std::cell::Cell;

use futures::FutureExt as _;
use futures::executor::block_on;
use proptest::prelude::*;

use super::*;
use crate::keys;
use crate::reason::Reason;
use crate::redis::StepVerb;
use crate::redis::script::ReplyValue;
use fake::{Cluster, node, redis_error};

mod fake;

/// A key of each kind is a step of its own on all that an operation touches.
fn step_of(user: &str, kind: u8) -> Step {
    let (opening, tally) = (keys::wallet(user), keys::counter(user));
    let text = |document: &keys::Document| document.as_str().to_owned();
    let value = || b"1".to_vec();
    let (key, verb) = match kind {
        0 => (text(&opening.plain()), StepVerb::Get),
        1 => (text(&keys::page(user, 7)), StepVerb::Set(value())),
        2 => {
            let absent = vec![text(&keys::operation(user, "key"))];
            let before = vec![(text(&keys::page(user, 7)), value())];
            (text(&opening.plain()), StepVerb::Swap { current: value(), next: value(), absent, before })
        }
        3 => {
            let (tickets, elected) =
                (opening.tickets().as_str().to_owned(), opening.election().as_str().to_owned());
            (text(&opening.plain()), StepVerb::First { tickets, elected, empty: value(), first: value() })
        }
        4 => (tally.cell().as_str().to_owned(), StepVerb::AddWithin { delta: 1, bound: 9 }),
        5 => {
            let posts = tally.posts();
            let election = posts.election().as_str().to_owned();
            let document = text(&posts.of_ticket(2));
            let verb = StepVerb::Total { election, document, ticket: 2, delta: 1, bound: 9 };
            (tally.cell().as_str().to_owned(), verb)
        }
        6 => {
            let cell = tally.cell().as_str().to_owned();
            let [current, head, tail, otherwise] = [(); 4].map(|()| value());
            let verb = StepVerb::Post { current, head, tail, otherwise, cell, own: 1, bound: 9 };
            (text(&tally.posts().plain()), verb)
        }
        7 => (opening.election().as_str().to_owned(), StepVerb::Elect(3)),
        _ => (text(&tally.post("key")), StepVerb::Add(1)),
    };
    Step { key, verb }
}

/// Steps of one moment, as the adapter sends them: together to a server that nothing is known of, else slot by slot.
async fn sent(cluster: &Cluster, steps: &[Step]) -> Vec<Result<StepReply, ScriptFailure>> {
    let waits = StepQueues::default();
    let mut said = vec![Err(ScriptFailure::BySlot); steps.len()];
    // The first time round it may turn out that this is a cluster.
    for _ in 0..2 {
        let left: Vec<usize> =
            (0..steps.len()).filter(|place| said[*place] == Err(ScriptFailure::BySlot)).collect();
        let mut together: Vec<(Rc<StepQueue>, Vec<usize>)> = Vec::new();
        for place in left {
            let steps = waits.at(&cluster.known.borrow(), &steps[place].key);
            match together.iter_mut().find(|(known, _)| Rc::ptr_eq(known, &steps)) {
                Some((_, places)) => places.push(place),
                None => together.push((steps, vec![place])),
            }
        }
        for (_, places) in together {
            let script: Vec<Step> = places.iter().map(|place| steps[*place].clone()).collect();
            for (place, answer) in places.into_iter().zip(run(cluster, &script).await) {
                said[place] = answer;
            }
        }
    }
    said
}

fn said_what_was_asked(steps: &[Step], said: &[Result<StepReply, ScriptFailure>]) {
    let expected: Vec<_> =
        steps.iter().map(|step| Ok(StepReply::Unchanged(Some(step.key.clone().into_bytes())))).collect();
    assert_eq!(said, expected);
}

proptest! {
    /// Whatever goes together, wherever the slots have moved to and are moving: every script that a node carries out is
    /// of one slot, every step is carried out once, and each hears its own answer.
    #[test]
    fn a_script_is_of_one_slot_and_every_step_is_carried_out_once(
        wanted in prop::collection::vec(("[a-z]{1,3}", 0_u8..9), 1..30),
        moves in prop::collection::vec((0_usize..30, 0_u16..3, any::<bool>()), 0..10),
        knows in any::<bool>(),
    ) {
        let steps: Vec<Step> = wanted.iter().map(|(user, kind)| step_of(user, *kind)).collect();
        let cluster = Cluster::of(3);
        if knows {
            cluster.learn_all();
        }
        for (index, to, is_under_way) in moves {
            let Some(step) = steps.get(index) else { continue };
            let slot = slot(&step.key);
            let slots = if is_under_way { &cluster.leaving } else { &cluster.moved };
            slots.borrow_mut().insert(slot, to);
            cluster.leaving.borrow_mut().retain(|slot, to| cluster.owner(*slot) != *to);
        }
        let said = block_on(sent(&cluster, &steps));
        said_what_was_asked(&steps, &said);
        let mut done: Vec<String> =
            cluster.done.borrow().iter().flat_map(|(_, _, steps)| steps.clone()).map(|step| format!("{step:?}")).collect();
        let mut asked: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        done.sort();
        asked.sort();
        prop_assert_eq!(done, asked);
    }
}

#[test]
fn an_ordinary_redis_is_asked_once_for_all_and_never_for_slots() {
    struct Single(RefCell<SlotMap>, Cell<u32>);
    impl Nodes for Single {
        fn map(&self) -> &RefCell<SlotMap> {
            &self.0
        }
        async fn eval(&self, _: &Node, _: bool, steps: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
            self.1.update(|asked| asked + 1);
            Ok(vec![StepReply::Unchanged(None); steps.len()])
        }
        async fn slots(&self, _: &Node) -> Vec<ReplyValue> {
            panic!("it was asked for slots")
        }
        fn now(&self) -> Duration {
            Duration::ZERO
        }
        async fn pause(&self, _: Duration) -> bool {
            false
        }
    }
    let single = Single(RefCell::default(), Cell::default());
    let steps: Vec<Step> = ["ann", "bob", "eve"].map(|user| step_of(user, 0)).into();
    assert_eq!(block_on(run(&single, &steps)), vec![Ok(StepReply::Unchanged(None)); 3]);
    assert_eq!(single.1.get(), 1);
}

#[test]
fn a_slot_that_moved_is_learnt_and_one_on_its_way_is_not() {
    let cluster = Cluster::of(2);
    cluster.learn_all();
    let step = step_of("ann", 0);
    let slot = slot(&step.key);
    let other = 1 - cluster.owner(slot);
    cluster.leaving.borrow_mut().insert(slot, other);
    let ask = || {
        cluster.asked.set(0);
        said_what_was_asked(
            std::slice::from_ref(&step),
            &block_on(run(&cluster, std::slice::from_ref(&step))),
        );
        cluster.asked.get()
    };
    assert_eq!([ask(), ask()], [2, 2], "for as long as the slot moves");
    cluster.leaving.borrow_mut().clear();
    cluster.moved.borrow_mut().insert(slot, other);
    assert_eq!([ask(), ask()], [2, 1]);
}

#[test]
fn two_nodes_that_send_one_another_a_script_for_ever_are_given_up() {
    struct Circle(RefCell<SlotMap>, Cell<u32>, Cell<u32>);
    impl Nodes for Circle {
        fn map(&self) -> &RefCell<SlotMap> {
            &self.0
        }
        async fn eval(&self, asked: &Node, _: bool, _: &[&Step]) -> Result<Vec<StepReply>, Unanswered> {
            self.1.update(|asked| asked + 1);
            Err(redis_error(&format!("ASK 7 n:{}", 1 + u16::from(*asked != node(1)))))
        }
        async fn slots(&self, _: &Node) -> Vec<ReplyValue> {
            Cluster::of(2).slots_as_they_are()
        }
        fn now(&self) -> Duration {
            Duration::ZERO
        }
        async fn pause(&self, _: Duration) -> bool {
            true
        }
        fn gave_up(&self, why: Reason) {
            assert_eq!(why.as_str(), "ASK");
            self.2.update(|gave_up| gave_up + 1);
        }
    }
    let circle = Circle(RefCell::default(), Cell::default(), Cell::default());
    circle.0.borrow_mut().learn(&node(0), &Cluster::of(2).slots_as_they_are());
    assert_eq!(block_on(run(&circle, &[step_of("ann", 2)])), [Err(ScriptFailure::Refused)]);
    assert!(circle.1.get() <= MAX_REDIRECTS, "{}", circle.1.get());
    assert_eq!(circle.2.get(), 1, "the log is told why");
}

#[test]
fn a_node_that_is_away_holds_up_its_own_slots_alone_and_those_until_another_has_them() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let users: Vec<String> = (0..30).map(|n| format!("u{n}")).collect();
    let steps: Vec<Step> = users.iter().map(|user| step_of(user, 0)).collect();
    cluster.away.borrow_mut().insert(2);
    cluster.pauses.set(0);
    for (step, said) in steps.iter().zip(block_on(sent(&cluster, &steps))) {
        assert_eq!(said.is_ok(), cluster.owner(slot(&step.key)) != 2, "{step:?}");
    }
    cluster.pauses.set(100);
    cluster.moved.borrow_mut().extend((0..16_384).filter(|slot| slot % 3 == 2).map(|slot| (slot, 1)));
    said_what_was_asked(&steps, &block_on(sent(&cluster, &steps)));
}

#[test]
fn whoever_knows_that_it_is_a_cluster_waits_for_nobody_of_another_slot() {
    let (cluster, waits) = (Cluster::of(3), StepQueues::default());
    let at = |user: &str| waits.at(&cluster.known.borrow(), &step_of(user, 0).key);
    assert!(Rc::ptr_eq(&at("ann"), &at("bob")), "nothing is known");
    cluster.learn_all();
    let (ann, bob) = (at("ann"), at("bob"));
    assert!(!Rc::ptr_eq(&ann, &bob));
    assert!(Rc::ptr_eq(&ann, &at("ann")));
    drop((ann, bob));
    let eve = at("eve");
    assert_eq!(waits.slots.borrow().len(), 1, "a slot that nobody waits for is forgotten");
    drop(eve);
}

#[test]
fn a_script_that_a_half_moved_slot_does_not_take_is_sent_step_by_step() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let (reads, swap) = ([step_of("ann", 0), step_of("ann", 1)], step_of("ann", 2));
    cluster.half_moved.borrow_mut().insert(slot(&swap.key));
    cluster.pauses.set(3);
    said_what_was_asked(&reads, &block_on(run(&cluster, &reads)));
    let steps = [reads[0].clone(), swap, reads[1].clone()];
    let said = block_on(run(&cluster, &steps));
    said_what_was_asked(&steps[..1], &said[..1]);
    assert_eq!(said[1], Err(ScriptFailure::Refused), "its keys are in two places");
    said_what_was_asked(&steps[2..], &said[2..]);
    let reasons: Vec<&str> = cluster.gave_up.borrow().iter().map(|why| why.as_str()).collect();
    assert_eq!(reasons, ["TRYAGAIN"], "the log is told why");
}

#[test]
fn a_node_that_is_cut_off_from_the_cluster_is_asked_for_the_map_last() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let step = step_of("ann", 0);
    let old = cluster.owner(slot(&step.key));
    cluster.cut_off.borrow_mut().insert(old);
    cluster.moved.borrow_mut().insert(slot(&step.key), (old + 1) % 3);
    said_what_was_asked(std::slice::from_ref(&step), &block_on(run(&cluster, std::slice::from_ref(&step))));
    assert!(!cluster.advisers.borrow().contains(&old), "{:?}", cluster.advisers);
}

#[test]
fn a_node_that_never_answers_is_doubted_so_that_the_next_script_goes_to_its_heir() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let step = step_of("ann", 0);
    let steps = std::slice::from_ref(&step);
    let old = cluster.owner(slot(&step.key));
    cluster.hung.borrow_mut().insert(old);
    cluster.moved.borrow_mut().insert(slot(&step.key), (old + 1) % 3);
    // Its deadline passes.
    assert!(run(&cluster, steps).now_or_never().is_none());
    said_what_was_asked(steps, &block_on(run(&cluster, steps)));
    assert!(!cluster.advisers.borrow().contains(&old), "{:?}", cluster.advisers);
}

#[test]
fn a_cluster_is_learnt_from_any_node_that_redis_url_names() {
    let cluster = Cluster::of(3);
    // The first one is node 0, the second node 1.
    cluster.known.borrow_mut().name_nodes(Node::named("redis://n:1,n:2"));
    cluster.known.borrow_mut().end_learning();
    cluster.away.borrow_mut().insert(0);
    let user = (0..).map(|n| format!("u{n}")).find(|user| cluster.owner(slot(&step_of(user, 0).key)) == 1);
    let step = step_of(&user.unwrap(), 0);
    let steps = std::slice::from_ref(&step);
    said_what_was_asked(steps, &block_on(run(&cluster, steps)));
    assert_eq!(*cluster.advisers.borrow(), [0, 1]);
}

#[test]
fn one_request_asks_for_the_map_while_the_others_go_by_what_is_known() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let step = step_of("ann", 0);
    // As told, so that the map is stale and right.
    cluster.known.borrow_mut().moved(slot(&step.key), node(cluster.owner(slot(&step.key))));
    assert!(cluster.known.borrow_mut().begin_learning(Duration::ZERO));
    said_what_was_asked(std::slice::from_ref(&step), &block_on(run(&cluster, std::slice::from_ref(&step))));
    assert!(cluster.advisers.borrow().is_empty());
    cluster.known.borrow_mut().end_learning();
    block_on(run(&cluster, std::slice::from_ref(&step)));
    assert_eq!(cluster.advisers.borrow().len(), 1);
}

#[test]
fn a_node_that_is_refused_and_has_no_heir_yet_is_given_up_at_once() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let step = step_of("ann", 0);
    cluster.away.borrow_mut().insert(cluster.owner(slot(&step.key)));
    assert_eq!(block_on(run(&cluster, std::slice::from_ref(&step))), [Err(ScriptFailure::Refused)]);
    assert_eq!((cluster.asked.get(), cluster.pauses.get()), (1, 100), "it was asked once, and nobody waited");
}

#[test]
fn a_node_that_does_not_know_of_the_heir_is_not_the_only_one_that_is_asked() {
    let cluster = Cluster::of(3);
    cluster.learn_all();
    let step = step_of("ann", 0);
    let steps = std::slice::from_ref(&step);
    let lost = cluster.owner(slot(&step.key));
    // Both others are alive, and one of them was cut off before the failover.
    let (ignorant, heir) = ((lost + 1) % 3, (lost + 2) % 3);
    cluster.ignorant.set(Some(ignorant));
    cluster.away.borrow_mut().insert(lost);
    cluster.moved.borrow_mut().insert(slot(&step.key), heir);
    said_what_was_asked(steps, &block_on(run(&cluster, steps)));
    assert!(cluster.advisers.borrow().contains(&heir));
}

#[test]
fn where_several_nodes_are_named_and_none_knows_a_cluster_nothing_is_written() {
    let cluster = Cluster::of(2);
    cluster.known.borrow_mut().name_nodes(Node::named("redis://n:1,n:2"));
    cluster.away.borrow_mut().extend([0, 1]);
    assert_eq!(block_on(run(&cluster, &[step_of("ann", 1)])), [Err(ScriptFailure::Refused)]);
    assert_eq!(cluster.asked.get(), 0, "a server that is no part of the cluster would take the money");
    assert_eq!(*cluster.gave_up.borrow(), [Reason::NO_MAP]);
}
