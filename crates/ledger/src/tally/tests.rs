//! Counting under keys, and the stored form of that.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn count(tally: &mut Tally, key: &str, by: i64, cell: i64) -> Option<i64> {
    tally.count(key.parse().unwrap(), by, "r".into(), cell, 100).total
}

#[test]
fn a_total_is_the_cell_and_all_keyed_posts() {
    let mut tally = Tally::new();
    assert_eq!(count(&mut tally, "a", 5, 10), Some(15));
    assert_eq!(count(&mut tally, "b", 5, 20), Some(30));
    assert_eq!(tally.sum(), 10);
    assert_eq!(tally.find(&"a".parse().unwrap()).unwrap().total, Some(15));
}

#[test]
fn a_draft_is_the_stored_form_around_a_total() {
    let mut tally = Tally::new();
    for n in 0..30 {
        let key = format!("k{n}");
        let draft = tally.draft(key.parse().unwrap(), 5, "r".into()).unwrap();
        let mut refused = tally.clone();
        refused.count(key.parse().unwrap(), 5, "r".into(), 0, 0);
        for cell in [-4_i64, 0, 10, 1 << 53, i64::MAX - 150] {
            let mut counted = tally.clone();
            counted.count(key.parse().unwrap(), 5, "r".into(), cell, i64::MAX);
            let total = (draft.sum + cell).to_string();
            assert_eq!(draft.sealed, counted.seal());
            assert_eq!([&draft.head[..], total.as_bytes(), &draft.tail].concat(), counted.encode());
        }
        refused.seal();
        assert_eq!(draft.refused, refused.encode());
        count(&mut tally, &key, 5, 0);
        tally.seal();
    }
    assert_eq!(tally.draft("x".parse().unwrap(), i64::MAX, "r".into()), None);
}

/// Scripts look for the sum behind its name, and openers know a document that nobody has written into by its
/// bytes: the form of today, and every one that ever was, is what they know.
#[test]
fn what_an_empty_tally_looks_like_and_where_its_sum_stands_never_changes() {
    assert_eq!(Tally::new().encode(), br#"{"v":1,"base":0,"sum":0,"indexed":0,"log":[]}"#);
    let mut tally = Tally::new();
    count(&mut tally, "sum", 5, 0);
    let start = br#"{"v":1,"base":0,"sum":5,"indexed":0,"log":["#;
    assert_eq!(tally.encode().get(..start.len()), Some(&start[..]));
}

#[test]
fn a_post_past_the_limit_is_remembered_and_adds_nothing() {
    let mut tally = Tally::new();
    assert_eq!(count(&mut tally, "a", 1, 99), Some(100));
    assert_eq!(count(&mut tally, "b", 1, 99), None);
    assert_eq!(count(&mut tally, "c", i64::MAX, 0), None);
    assert_eq!(tally.sum(), 1);
    assert_eq!(Tally::decode(&tally.encode()).unwrap(), tally);
}

#[test]
fn the_twelfth_post_seals_the_oldest_eight() {
    let mut tally = Tally::new();
    for n in 0..11 {
        count(&mut tally, &format!("k{n}"), 1, 0);
        assert_eq!(tally.seal(), []);
    }
    count(&mut tally, "k11", 1, 0);
    let keys: Vec<_> = tally.seal().iter().map(|post| post.key.as_str().to_owned()).collect();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"]);
    assert_eq!((tally.sum(), tally.indexed()), (12, 8));
    assert_eq!(Tally::decode(&tally.encode()).unwrap(), tally);
}

#[test]
fn the_value_stays_under_8_kb_with_the_longest_keys() {
    let mut tally = Tally::new();
    for n in 0..100 {
        tally.count(format!("{n:\"<255}").parse().unwrap(), i64::MAX, "f".repeat(32), -1, i64::MAX);
        tally.seal();
        assert!(tally.encode().len() < 8192);
    }
}

#[test]
fn a_changed_tally_is_corrupt() {
    let mut tally = Tally::new();
    count(&mut tally, "a", 5, 10);
    let text = String::from_utf8(tally.encode()).unwrap();
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""sum":5"#, r#""sum":6"#),
        (r#""by":5"#, r#""by":6"#),
        (r#""base":0"#, r#""base":1"#),
        (r#""key":"a""#, r#""key":"a b""#),
        (r#""log""#, r#""gift":1,"log""#),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Tally::decode(text.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
    }
}

#[test]
fn a_post_reads_back_as_it_was_written() {
    for total in [Some(7), None] {
        let post = Post { key: "k".parse().unwrap(), by: 5, request: "r".into(), total };
        assert_eq!(Post::decode(&post.encode()).unwrap(), post);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Tally::decode(&bytes).is_err());
        prop_assert!(Post::decode(&bytes).is_err());
    }

    /// Judged a second time, as a tree and with numbers that cannot overflow.
    #[test]
    fn a_changed_tally_is_taken_exactly_when_it_adds_up(
        posts in prop::collection::vec((any::<i64>(), any::<i64>()), 0..20),
        member in prop::sample::select(vec!["v", "base", "sum", "indexed", "log", "gift"]),
        post_member in prop::sample::select(vec!["key", "by", "request", "total", "gift"]),
        value in prop::sample::select(vec![
            json!(0), json!(1), json!(-1), json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1.5), json!(null),
            json!(""), json!("a b"), json!("k"), json!([]), json!({}),
        ]),
        in_post in any::<Option<prop::sample::Index>>(),
    ) {
        let mut tally = Tally::new();
        for (n, (by, cell)) in posts.into_iter().enumerate() {
            tally.count(format!("k{n}").parse().unwrap(), by, "r".into(), cell, i64::MAX);
            tally.seal();
        }
        let mut document: Value = serde_json::from_slice(&tally.encode()).unwrap();
        prop_assert!(adds_up(&document));
        let posts = document["log"].as_array_mut().unwrap();
        match in_post {
            Some(index) if !posts.is_empty() => {
                let index = index.index(posts.len());
                posts[index][post_member] = value;
            }
            _ => document[member] = value,
        }
        let taken = Tally::decode(document.to_string().as_bytes());
        prop_assert_eq!(taken.is_ok(), adds_up(&document), "{}", document);
    }

    #[test]
    fn a_changed_post_is_taken_exactly_when_it_is_of_its_form(
        by in any::<i64>(),
        total in any::<Option<i64>>(),
        member in prop::sample::select(vec!["key", "by", "request", "total", "gift"]),
        value in prop::sample::select(vec![
            json!(0), json!(-1), json!(u64::MAX), json!(1.5), json!(null), json!(""), json!("a b"), json!("k"), json!({}),
        ]),
    ) {
        let post = Post { key: "k".parse().unwrap(), by, request: "r".into(), total };
        let mut document: Value = serde_json::from_slice(&post.encode()).unwrap();
        prop_assert!(added(&document).is_some());
        document[member] = value;
        let taken = Post::decode(document.to_string().as_bytes());
        prop_assert_eq!(taken.is_ok(), added(&document).is_some(), "{}", document);
    }
}

/// What a post adds; `None` where it is no post.
fn added(post: &Value) -> Option<i128> {
    let map = post.as_object()?;
    let known = map.keys().all(|name| ["key", "by", "request", "total"].contains(&name.as_str()));
    let key = map.get("key")?.as_str()?;
    let visible = (1..=255).contains(&key.len()) && key.chars().all(|c| ('!'..='~').contains(&c));
    let by = i128::from(map.get("by")?.as_i64()?);
    map.get("request")?.as_str()?;
    let total = map.get("total").filter(|total| !total.is_null());
    total.is_none_or(|total| total.as_i64().is_some()).then_some(())?;
    (known && visible).then_some(if total.is_some() { by } else { 0 })
}

/// Whether the posts lead from the base to the sum, at no point past 64 bits.
fn adds_up(tally: &Value) -> bool {
    let judge = || {
        let map = tally.as_object()?;
        let known = map.keys().all(|name| ["v", "base", "sum", "indexed", "log"].contains(&name.as_str()));
        let base = i128::from(map.get("base")?.as_i64()?);
        map.get("indexed")?.as_u64()?;
        let within = |sum: &i128| i64::try_from(*sum).is_ok();
        let mut posts = map.get("log")?.as_array()?.iter();
        let sum = posts.try_fold(base, |sum, post| Some(sum + added(post)?).filter(within))?;
        (known && map.get("v")?.as_u64()? == 1 && i128::from(map.get("sum")?.as_i64()?) == sum).then_some(())
    };
    judge().is_some()
}

#[test]
fn what_has_left_and_what_has_not_add_up_to_the_sum() {
    let mut tally = Tally::new();
    for n in 1..=12 {
        tally.count(format!("k{n}").parse().unwrap(), n, "r".to_owned(), 0, i64::MAX);
    }
    assert_eq!((tally.base(), tally.log().len()), (0, 12));
    tally.seal();
    assert_eq!((tally.base(), tally.log().len()), (36, 4));
    assert_eq!(tally.base() + tally.log().iter().map(|post| post.by).sum::<i64>(), tally.sum());
}
