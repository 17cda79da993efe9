//! Which keys `/readyz` writes to learn whether a store takes writes.

use super::cluster::{SlotMap, slot};
use crate::keys::{self, Document};

/// How many keys are written; one write that succeeds is enough. So a cluster does not become unready because of a
/// single shard.
const WRITTEN_KEYS: usize = 3;

/// A key in each of a few places, beginning with those of `from`: the nodes of a cluster; if no cluster is known,
/// slots that are far apart, which in most clusters are on different nodes.
#[must_use]
pub fn keys(map: &SlotMap, from: u8) -> Vec<Document> {
    let mut places = Vec::new();
    let mut all = Vec::new();
    for number in 0..keys::READY_KEYS {
        let key = keys::ready_in_cluster(number.wrapping_add(from));
        let slot = slot(key.as_str());
        let third = usize::from(slot).saturating_mul(WRITTEN_KEYS) >> 14;
        let place = (map.node(slot), if map.is_cluster() { 0 } else { third });
        if all.len() < WRITTEN_KEYS && !places.contains(&place) {
            places.push(place);
            all.push(key);
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "in a test an overflow may stop it")]
mod tests {
    use super::*;
    use crate::redis::cluster::Node;
    use crate::redis::script::ReplyValue;

    /// A cluster whose nodes have the same number of slots each.
    fn cluster(nodes: u16) -> SlotMap {
        let share = 16_384 / nodes;
        let range = |node: u16| {
            let last = if node + 1 == nodes { 16_383 } else { (node + 1) * share - 1 };
            let port = 7000 + i64::from(node);
            [
                ReplyValue::Code((node * share).into()),
                ReplyValue::Code(last.into()),
                ReplyValue::Bytes(b"n".to_vec()),
                ReplyValue::Code(port),
            ]
        };
        let mut map = SlotMap::new();
        let id = || ReplyValue::Bytes(b"id".to_vec());
        let values: Vec<ReplyValue> =
            (0..nodes).flat_map(|node| range(node).into_iter().chain([id()])).collect();
        assert!(map.learn(&Node::default(), &values));
        map
    }

    #[test]
    fn each_key_is_on_a_node_of_its_own() {
        for (nodes, expected) in [(1, 1), (2, 2), (3, 3), (30, 3)] {
            for from in [0, 17, 255] {
                let map = cluster(nodes);
                let mut places: Vec<Node> =
                    keys(&map, from).iter().map(|key| map.node_of(key.as_str())).collect();
                places.sort();
                places.dedup();
                assert_eq!(places.len(), expected, "{nodes} nodes, from {from}");
            }
        }
    }

    #[test]
    fn keys_that_are_written_before_anything_is_known_are_on_three_nodes_of_three() {
        let map = cluster(3);
        let mut places: Vec<Node> =
            keys(&SlotMap::new(), 5).iter().map(|key| map.node_of(key.as_str())).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), 3);
    }
}
