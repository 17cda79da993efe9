use super::*;

fn node(text: &str) -> Node {
    Node(Some(text.into()))
}

#[test]
fn a_slot_is_that_of_the_hash_tag() {
    // `redis-cli cluster keyslot` says so.
    assert_eq!(CRC.checksum(b"123456789"), 0x31c3);
    for (key, expected) in [("bank:{alice}:wallet", slot("alice")), ("bank:{alice}:page:7", slot("alice"))] {
        assert_eq!(slot(key), expected, "{key}");
    }
    assert_eq!((slot("foo"), slot("bar")), (12_182, 5_061));
}

#[test]
fn a_nodes_address_is_the_settings_with_another_host_and_port() {
    for (url, node_text, expected) in [
        ("redis://h:6379", "10.0.0.1:7000", "redis://10.0.0.1:7000"),
        ("rediss://u:p%40@h", "[::1]:7000", "rediss://u:p%40@[::1]:7000"),
        ("redis://:a@b@h:1/0?x=y", "n:2", "redis://:a@b@n:2/0?x=y"),
    ] {
        assert_eq!(node(node_text).address(url), expected);
    }
    assert_eq!(Node::default().address("redis://h/1"), "redis://h/1");
}

#[test]
fn what_cluster_slots_answers_is_read_with_its_replicas_and_names() {
    let bytes = |text: &str| ReplyValue::Bytes(text.into());
    let values = [
        vec![
            ReplyValue::Code(0),
            ReplyValue::Code(5460),
            bytes("10.0.0.1"),
            ReplyValue::Code(7000),
            bytes("id-a"),
        ],
        vec![bytes("10.0.0.4"), ReplyValue::Code(7003), bytes("id-d"), bytes("hostname"), bytes("x")],
        vec![
            ReplyValue::Code(5461),
            ReplyValue::Code(16_383),
            bytes("::1"),
            ReplyValue::Code(7001),
            bytes("id-b"),
        ],
    ]
    .concat();
    let mut map = SlotMap::new();
    assert!(map.learn(&Node::default(), &values));
    assert_eq!(map.node(0), node("10.0.0.1:7000"));
    assert_eq!(map.node(5460), node("10.0.0.1:7000"));
    assert_eq!(map.node(5461), node("[::1]:7001"));
    assert_eq!(map.nodes(), [node("10.0.0.1:7000"), node("[::1]:7001")]);
    assert!(!SlotMap::new().learn(&Node::default(), &[bytes("ERR")]));
    let unnamed = [ReplyValue::Code(0), ReplyValue::Code(9), ReplyValue::Nil, ReplyValue::Code(7000)];
    assert!(map.learn(&node("10.0.0.9:7009"), &unnamed));
    assert_eq!(
        map.node(0),
        node("10.0.0.9:7000"),
        "the port is told, and the host is the one that was asked"
    );
}

#[test]
fn a_url_names_several_nodes_with_commas_and_a_password_may_hold_one() {
    let url = "rediss://u:p,q@a:1,b,[::1]:3/0?x=y,z";
    let named = Node::named(url);
    let addresses: Vec<String> = named.iter().map(|node| node.address(url)).collect();
    let expected =
        ["rediss://u:p,q@a:1/0?x=y,z", "rediss://u:p,q@b/0?x=y,z", "rediss://u:p,q@[::1]:3/0?x=y,z"];
    assert_eq!(addresses, expected);
    assert_eq!(Node::named("redis://a,b@h:1"), [node("h:1")]);
}

#[test]
fn several_nodes_that_are_named_are_a_cluster_to_be_learnt() {
    let mut map = SlotMap::new();
    map.name_nodes(Node::named("redis://a:1"));
    assert!(!map.is_stale() && !map.is_in_cluster());
    map.name_nodes(Node::named("redis://a:1,b:2"));
    assert!(map.is_stale() && map.is_in_cluster());
    assert_eq!(map.advisers(), [node("a:1"), node("b:2")]);
    assert_eq!(map.advisers(), [node("b:2"), node("a:1")], "another one comes first each time");
}

#[test]
fn whoever_is_doubted_is_asked_for_the_map_last_until_it_answers() {
    let mut map = SlotMap { ranges: vec![(0, 9, node("a:1")), (10, 19, node("b:2"))], ..SlotMap::new() };
    map.doubt_node(&node("a:1"));
    assert!(map.is_stale() && map.names_doubted());
    for _ in 0..3 {
        assert_eq!(map.advisers().last(), Some(&node("a:1")));
    }
    map.trust(&node("a:1"));
    assert!(!map.names_doubted());
    assert!((0..3).any(|_| map.advisers().last() != Some(&node("a:1"))));
}

#[test]
fn the_map_is_asked_for_by_one_at_a_time_and_not_again_at_once() {
    let mut map = SlotMap { ranges: vec![(0, 9, node("a:1"))], ..SlotMap::new() };
    let at = Duration::from_millis;
    assert!(map.begin_learning(at(0)));
    let _ = map.advisers();
    assert!(!map.begin_learning(at(1_000)), "somebody asks");
    map.end_learning();
    assert!(!map.begin_learning(at(1)));
    assert!(map.begin_learning(at(1_000)));
}

#[test]
fn a_host_that_is_not_told_is_that_of_the_node_that_was_asked() {
    for (asked, expected) in [("h:1", "h:7"), ("h", "h:7"), ("[::1]:1", "[::1]:7"), ("[::1]", "[::1]:7")] {
        assert_eq!(node(asked).at_port("7"), node(expected));
    }
}

#[test]
fn a_slot_that_moved_is_elsewhere_and_the_rest_is_not() {
    let mut map = SlotMap { ranges: vec![(0, 100, node("a:1"))], ..SlotMap::new() };
    map.moved(7, node("b:2"));
    assert_eq!((map.node(6), map.node(7), map.node(8)), (node("a:1"), node("b:2"), node("a:1")));
    assert!(map.is_stale());
    assert_eq!(map.node(101), Node::default());
}

#[test]
fn redirects_are_read_in_each_wording() {
    for (text, expected) in [
        ("MOVED 3999 127.0.0.1:6381", Some(Redirect::Moved(3999, node("127.0.0.1:6381")))),
        (
            "An error was signalled by the server - Moved: 3999 ::1:6381",
            Some(Redirect::Moved(3999, node("[::1]:6381"))),
        ),
        ("\"ASK\": 3999 redis-2.redis:6381", Some(Redirect::Ask(node("redis-2.redis:6381")))),
        ("MOVED 3999 :6381", Some(Redirect::Down)),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Some(Redirect::Later)),
        ("CLUSTERDOWN The cluster is down", Some(Redirect::Down)),
        ("CROSSSLOT Keys in request don't hash to the same slot", Some(Redirect::Apart)),
        ("READONLY You can't write", None),
        ("MOVED x y", None),
    ] {
        assert_eq!(Redirect::of(Reason::of(text), text), expected, "{text}");
    }
}
