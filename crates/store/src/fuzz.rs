//! Fuzz targets: a store may answer anything. Nothing panics, and a redirect leads only to the node that it names.
//! Each target is a test of its corpus (`__fuzz__`), and what `make fuzz` starts from.

use crate::counter;
use crate::keys;
use crate::reason::Reason;
use crate::redis::cluster::{Node, Redirect, SlotMap, slot};
use crate::redis::script::{self, ReplyValue, StepReply};

corpus::targets! {
    answers: answer,
    errors: error,
    counters: counted,
}

/// A line is a value: `:17` a code, `$text` bytes, `_` nothing.
fn values(bytes: &[u8]) -> Option<Vec<ReplyValue>> {
    let value = |line: &[u8]| match line.split_first()? {
        (b':', code) => Some(ReplyValue::Code(str::from_utf8(code).ok()?.parse().ok()?)),
        (b'$', bytes) => Some(ReplyValue::Bytes(bytes.to_vec())),
        (b'_', []) => Some(ReplyValue::Nil),
        _ => None,
    };
    bytes.split(|byte| *byte == b'\n').map(value).collect()
}

/// The answer to the script, or to `CLUSTER SLOTS`.
fn answer(bytes: &[u8]) {
    let Some(values) = values(bytes) else { return };
    let (mut map, asked) = (SlotMap::new(), Node::named("redis://asked:7").remove(0));
    let has_learnt = map.learn(&asked, &values);
    let nodes = map.nodes();
    assert_eq!((map.is_cluster(), map.is_cluster()), (has_learnt, !nodes.is_empty()));
    for slot in [0, 1, 5460, 5461, 16_383, u16::MAX] {
        let node = map.node(slot);
        assert!(node == Node::default() || nodes.contains(&node));
        check_address(&node);
    }
    let Some(said) = script::replies(values.clone()) else { return };
    assert_eq!(said.len(), values.len() / 2, "two values for each step");
    for (said, step) in said.iter().zip(values.chunks(2)) {
        let expected = match said {
            StepReply::Done(_) => 1,
            StepReply::Unchanged(_) => 0,
            StepReply::Refused(_) => -1,
            StepReply::TooFewReplicas => panic!("no script says so"),
        };
        assert_eq!(step[0], ReplyValue::Code(expected));
    }
}

/// User, password and database stay those of `redis_url`, whatever a node's name is: its address names only that
/// node.
fn check_address(node: &Node) {
    let address = node.address("redis://user:secret@host:1/5");
    assert!(address.starts_with("redis://user:secret@") && address.ends_with("/5"), "{address}");
    assert!(*node == Node::default() || Node::named(&address) == [node.clone()], "{address}");
}

/// The text of an error, and as a key.
fn error(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let reason = Reason::of(text);
    assert!(!reason.as_str().is_empty());
    match Redirect::of(reason, text) {
        Some(Redirect::Moved(_, node) | Redirect::Ask(node)) => {
            assert_ne!(node, Node::default());
            check_address(&node);
        }
        Some(Redirect::Later | Redirect::Down | Redirect::Apart) | None => {}
    }
    assert!(slot(text) < 16_384);
    if let Some((tag, what)) = keys::parts(text) {
        assert_eq!(format!("bank:{{{tag}}}:{what}"), text);
    }
}

fn counted(bytes: &[u8]) {
    if let Some((number, form)) = counter::decode(bytes) {
        assert_eq!(counter::encode(number, form), bytes);
    }
    if let Some(number) = counter::decode_text(bytes) {
        assert_eq!(number.to_string().as_bytes(), bytes);
    }
}
