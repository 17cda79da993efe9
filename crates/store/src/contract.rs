//! What every adapter promises, as named cases.
//!
//! A case gets a store and a scope that no other run uses, and returns what went wrong. The memory adapter runs
//! them here. The `kv` adapter on SQLite and on Redis, and the `redis` adapter, run them inside a component, in
//! `bank` or in Spin (`tests/store-contract`).

use futures::future::{join, join_all};

use crate::keys::scratch::{counter, document, election, opening};
use crate::{
    Added, NotIncremented, Store, Swap, SwapPrerequisites, Unavailable, ValueWithTotal, first_write, keys,
};

/// The result of a case: success, or a sentence about what went wrong.
type CaseResult = Result<(), String>;

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// The names of all cases.
        pub const CASES: &[&str] = &[$(stringify!($name)),*];

        /// Runs the case called `name` on `store`.
        ///
        /// # Errors
        ///
        /// What the store did wrong, or that there is no such case.
        pub async fn run(name: &str, store: &impl Store, scope: &str) -> CaseResult {
            match name {
                $(stringify!($name) => $name(store, scope).await,)*
                _ => Err(format!("there is no case {name}")),
            }
        }

        #[cfg(test)]
        mod memory {
            $(#[test]
            fn $name() {
                for store in [crate::memory::Memory::new(), crate::memory::Memory::with_shared_round_trips()] {
                    futures::executor::block_on(super::$name(&store, "memory")).unwrap();
                }
            })*
        }
    };
}

cases! {
    a_key_that_was_never_set_is_absent,
    a_set_value_is_read_back_byte_for_byte,
    a_swap_over_the_current_value_commits,
    a_swap_over_another_value_is_lost_and_writes_nothing,
    a_swap_never_creates_a_key,
    of_racing_swaps_over_one_value_one_commits,
    what_comes_before_a_swap_is_there_after_it,
    a_swap_is_lost_where_something_is_that_must_be_absent,
    a_counter_that_was_never_touched_is_zero,
    reading_a_counter_does_not_create_it,
    a_counter_is_the_sum_of_its_increments,
    concurrent_increments_are_all_counted,
    a_counter_of_eight_digits_is_read_exactly,
    an_increment_past_the_range_is_refused_and_changes_nothing,
    an_increment_past_its_bound_is_refused_and_changes_nothing,
    a_total_is_added_to_within_its_limit_in_one_go,
    a_swap_writes_the_total_of_its_moment,
    nobody_is_elected_before_a_proposal,
    the_first_candidate_is_elected_for_ever,
    racing_candidates_agree,
    a_late_proposal_changes_nothing,
    racing_openers_find_one_document,
    what_was_written_into_an_opened_document_is_found,
    a_first_write_leaves_what_opening_and_swapping_leaves,
    a_first_write_is_lost_where_somebody_has_begun_to_open,
    of_racing_first_writes_and_openers_one_counts,
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> CaseResult {
    if found == wanted { Ok(()) } else { Err(format!("{what}: found {found:?}, wanted {wanted:?}")) }
}

fn said<T, E: std::fmt::Display>(answer: Result<T, E>) -> Result<T, String> {
    answer.map_err(|error| error.to_string())
}

async fn a_key_that_was_never_set_is_absent(store: &impl Store, scope: &str) -> CaseResult {
    expect("absent key", said(store.get(&document(scope, "absent")).await)?, None)
}

async fn a_set_value_is_read_back_byte_for_byte(store: &impl Store, scope: &str) -> CaseResult {
    let every_byte: Vec<u8> = (0..=255).collect();
    for value in [&b""[..], b"plain", &every_byte, &[0xff; 7000]] {
        let key = document(scope, "bytes");
        said(store.set(&key, value).await)?;
        expect("value", said(store.get(&key).await)?, Some(value.to_vec()))?;
    }
    Ok(())
}

async fn a_swap_over_the_current_value_commits(store: &impl Store, scope: &str) -> CaseResult {
    let key = document(scope, "swap");
    said(store.set(&key, b"one").await)?;
    if let Swap::Lost(_) = said(store.swap(&key, b"one", b"two").await)? {
        return Err("a swap that nobody raced was lost".to_owned());
    }
    expect("value", said(store.get(&key).await)?, Some(b"two".to_vec()))
}

async fn a_swap_over_another_value_is_lost_and_writes_nothing(store: &impl Store, scope: &str) -> CaseResult {
    let key = document(scope, "stale");
    said(store.set(&key, b"one").await)?;
    let swap = said(store.swap(&key, b"zero", b"two").await)?;
    expect("swap", swap, Swap::Lost(Some(b"one".to_vec())))?;
    expect("value", said(store.get(&key).await)?, Some(b"one".to_vec()))
}

async fn a_swap_never_creates_a_key(store: &impl Store, scope: &str) -> CaseResult {
    let key = document(scope, "uncreated");
    expect("swap", said(store.swap(&key, b"one", b"two").await)?, Swap::Lost(None))?;
    expect("value", said(store.get(&key).await)?, None)
}

async fn what_comes_before_a_swap_is_there_after_it(store: &impl Store, scope: &str) -> CaseResult {
    let (key, never) = (document(scope, "after"), document(scope, "never"));
    let written =
        [(document(scope, "first"), b"1".to_vec()), (document(scope, "second"), b"\r\n\0".to_vec())];
    said(store.set(&key, b"one").await)?;
    let before = SwapPrerequisites { absent: &[never], written: &written };
    if let Swap::Lost(_) = said(store.swap_after(before, &key, b"one", b"two").await)? {
        return Err("a swap that nobody raced was lost".to_owned());
    }
    expect("value", said(store.get(&key).await)?, Some(b"two".to_vec()))?;
    for (key, value) in written {
        expect("written", said(store.get(&key).await)?, Some(value))?;
    }
    Ok(())
}

async fn a_swap_is_lost_where_something_is_that_must_be_absent(
    store: &impl Store,
    scope: &str,
) -> CaseResult {
    let (key, there) = (document(scope, "guarded"), document(scope, "there"));
    let written = [(document(scope, "unwritten"), b"1".to_vec())];
    said(store.set(&key, b"one").await)?;
    said(store.set(&there, b"known").await)?;
    let absent = [document(scope, "absent"), there.clone(), document(scope, "absent too")];
    let before = SwapPrerequisites { absent: &absent, written: &written };
    let swap = said(store.swap_after(before, &key, b"one", b"two").await)?;
    expect("swap", swap, Swap::Lost(Some(b"one".to_vec())))?;
    expect("value", said(store.get(&key).await)?, Some(b"one".to_vec()))?;
    expect("there", said(store.get(&there).await)?, Some(b"known".to_vec()))?;
    expect("unwritten", said(store.get(&document(scope, "unwritten")).await)?, None)
}

async fn of_racing_swaps_over_one_value_one_commits(store: &impl Store, scope: &str) -> CaseResult {
    let key = document(scope, "race");
    said(store.set(&key, b"start").await)?;
    let nexts: Vec<_> = (0..16).map(|n| format!("racer {n}").into_bytes()).collect();
    let swaps = join_all(nexts.iter().map(|next| store.swap(&key, b"start", next))).await;
    let value = said(store.get(&key).await)?.unwrap_or_default();
    if !nexts.contains(&value) {
        return Err("no racer's value is there".to_owned());
    }
    for (next, swap) in nexts.iter().zip(swaps) {
        if said(swap)? == Swap::Done && *next != value {
            return Err("a swap is said to be done and is not there".to_owned());
        }
    }
    Ok(())
}

async fn a_counter_that_was_never_touched_is_zero(store: &impl Store, scope: &str) -> CaseResult {
    expect("counter", said(store.count(&counter(scope, "untouched")).await)?, 0)
}

async fn reading_a_counter_does_not_create_it(store: &impl Store, scope: &str) -> CaseResult {
    said(store.count(&counter(scope, "read")).await)?;
    expect("key", said(store.get(&document(scope, "read")).await)?, None)
}

async fn a_counter_is_the_sum_of_its_increments(store: &impl Store, scope: &str) -> CaseResult {
    let key = counter(scope, "sum");
    for (delta, sum) in [(5, 5), (-7, -2), (0, -2), (1_000_000_000_002, 1_000_000_000_000)] {
        expect("sum", said(store.increment(&key, delta).await)?, sum)?;
        expect("counter", said(store.count(&key).await)?, sum)?;
    }
    Ok(())
}

async fn concurrent_increments_are_all_counted(store: &impl Store, scope: &str) -> CaseResult {
    let key = counter(scope, "crowd");
    let mut sums = Vec::new();
    for answer in join_all((0..100).map(|_| store.increment(&key, 1))).await {
        sums.push(said(answer)?);
    }
    sums.sort_unstable();
    expect("sums", sums, (1..=100).collect())
}

async fn a_counter_of_eight_digits_is_read_exactly(store: &impl Store, scope: &str) -> CaseResult {
    let either = i64::from_le_bytes(*b"12345678");
    for (name, number) in [("eight-as-text", 12_345_678), ("eight-as-bytes", either)] {
        let key = counter(scope, name);
        said(store.increment(&key, number).await)?;
        expect("counter", said(store.count(&key).await)?, number)?;
    }
    Ok(())
}

async fn an_increment_past_the_range_is_refused_and_changes_nothing(
    store: &impl Store,
    scope: &str,
) -> CaseResult {
    let key = counter(scope, "full");
    said(store.increment(&key, i64::MAX).await)?;
    expect("answer", store.increment(&key, 1).await, Err(NotIncremented::Overflow))?;
    expect("counter", said(store.count(&key).await)?, i64::MAX)
}

async fn an_increment_past_its_bound_is_refused_and_changes_nothing(
    store: &impl Store,
    scope: &str,
) -> CaseResult {
    let key = counter(scope, "bounded");
    // The neighbours of 2^53, beyond which a float loses the ones, and the end of the range.
    for bound in [7, 9_007_199_254_740_993, i64::MAX] {
        let room = bound.saturating_sub(said(store.count(&key).await)?);
        let past = room.saturating_add(1);
        if bound != i64::MAX {
            expect("past the bound", said(store.increment_within(&key, past, bound).await)?, None)?;
        }
        let below = room.saturating_sub(1);
        expect("below it", said(store.increment_within(&key, below, bound).await)?, bound.checked_sub(1))?;
        expect("two more", said(store.increment_within(&key, 2, bound).await)?, None)?;
        expect("one more", said(store.increment_within(&key, 1, bound).await)?, Some(bound))?;
        expect("counter", said(store.count(&key).await)?, bound)?;
    }
    Ok(())
}

async fn nobody_is_elected_before_a_proposal(store: &impl Store, scope: &str) -> CaseResult {
    expect("elected", said(store.elected(&election(scope, "nobody")).await)?, None)
}

async fn the_first_candidate_is_elected_for_ever(store: &impl Store, scope: &str) -> CaseResult {
    let key = election(scope, "first");
    for candidate in [7, 8, 7, 9] {
        expect("elect", said(store.elect(&key, candidate).await)?, 7)?;
        expect("elected", said(store.elected(&key).await)?, Some(7))?;
    }
    Ok(())
}

async fn racing_candidates_agree(store: &impl Store, scope: &str) -> CaseResult {
    let key = election(scope, "racing");
    let answers = join_all((1..=16).map(|candidate| store.elect(&key, candidate))).await;
    let elected = said(store.elected(&key).await)?.ok_or("nobody was elected")?;
    for answer in answers {
        expect("elected", said(answer)?, elected)?;
    }
    Ok(())
}

async fn a_late_proposal_changes_nothing(store: &impl Store, scope: &str) -> CaseResult {
    let key = election(scope, "late");
    said(store.elect(&key, 10_000_001).await)?;
    expect("late", said(store.elect(&key, 2).await)?, 10_000_001)
}

async fn racing_openers_find_one_document(store: &impl Store, scope: &str) -> CaseResult {
    let opening = opening(scope, "opened");
    let found = join_all((0..16).map(|_| first_write::open(store, &opening, b"empty"))).await;
    let first = said(first_write::open(store, &opening, b"empty").await)?;
    for one in found {
        expect("opened", said(one)?, first.clone())?;
    }
    Ok(())
}

async fn what_was_written_into_an_opened_document_is_found(store: &impl Store, scope: &str) -> CaseResult {
    let opening = opening(scope, "filled");
    let found = said(first_write::open(store, &opening, b"empty").await)?;
    said(store.swap(&found.key, b"empty", b"money").await)?;
    let again = said(first_write::find(store, &opening, b"empty").await)?.ok_or("it is gone")?;
    expect("document", (again.key, again.value), (found.key, b"money".to_vec()))
}

async fn a_total_is_added_to_within_its_limit_in_one_go(store: &impl Store, scope: &str) -> CaseResult {
    let counter = keys::counter(&format!("total {scope}"));
    let (cell, posts) = (counter.cell(), counter.posts());
    if !store.shares_round_trips() {
        return expect("apart", store.add_to_total(&counter, 1, 9).await, Err(Unavailable::Untouched));
    }
    let add = |delta| store.add_to_total(&counter, delta, i64::MAX);
    expect("alone", said(add(2).await)?, Added::Total(2, None))?;
    // The first opener is gone, and the document is the second one's.
    said(store.increment(&posts.tickets(), 1).await)?;
    let found = said(first_write::open(store, &posts, br#"{"sum":0}"#).await)?;
    expect("document", &found.key, &posts.of_ticket(2))?;
    let to = |total, value: &[u8]| {
        Added::Total(total, Some(first_write::Found { key: found.key.clone(), value: value.to_vec() }))
    };
    expect("empty", said(add(3).await)?, to(5, &found.value))?;
    let keyed = i64::MAX.saturating_sub(6);
    let full = format!(r#"{{"sum":{keyed},"sum":1}}"#);
    said(store.swap(&found.key, &found.value, full.as_bytes()).await)?;
    expect("past", said(add(2).await)?, Added::OverLimit)?;
    expect("up to it", said(add(1).await)?, to(i64::MAX, full.as_bytes()))?;
    expect("past it", said(add(1).await)?, Added::OverLimit)?;
    said(store.set(&found.key, b"{}").await)?;
    expect("unread", said(add(1).await)?, Added::PostsUnreadable)?;
    expect("cell", said(store.count(&cell).await)?, 6)
}

async fn a_swap_writes_the_total_of_its_moment(store: &impl Store, scope: &str) -> CaseResult {
    let (key, cell) = (document(scope, "with a total"), counter(scope, "of a total"));
    said(store.set(&key, b"one").await)?;
    let next = |own, limit| {
        let (head, tail, otherwise) = (&b"<"[..], &b">"[..], &b"past"[..]);
        ValueWithTotal { cell: &cell, own, limit, head, tail, otherwise }
    };
    if !store.shares_round_trips() {
        let apart = store.swap_total(&key, b"one", next(1, 9)).await;
        return expect("apart", apart, Err(Unavailable::Untouched));
    }
    let swap =
        async |current: &[u8], own, limit| said(store.swap_total(&key, current, next(own, limit)).await);
    expect("alone", swap(b"one", 4, 4).await?, (Swap::Done, Some(4)))?;
    said(store.increment(&cell, 5).await)?;
    expect("lost", swap(b"one", 4, 9).await?.0, Swap::Lost(Some(b"<4>".to_vec())))?;
    expect("up to it", swap(b"<4>", 4, 9).await?, (Swap::Done, Some(9)))?;
    expect("past it", swap(b"<9>", 4, 8).await?, (Swap::Done, None))?;
    expect("value", said(store.get(&key).await)?, Some(b"past".to_vec()))?;
    expect("too large", swap(b"past", i64::MAX, i64::MAX).await?, (Swap::Done, None))?;
    expect("cell", said(store.count(&cell).await)?, 5)
}

async fn a_first_write_leaves_what_opening_and_swapping_leaves(
    store: &impl Store,
    scope: &str,
) -> CaseResult {
    let opening = opening(scope, "first");
    match said(store.write_first(&opening, b"empty", b"money").await)? {
        // The store does not do that in one call.
        Swap::Lost(holds) => {
            expect("held", holds, None)?;
            expect("document", said(first_write::find(store, &opening, b"empty").await)?, None)?;
            let found = said(first_write::open(store, &opening, b"empty").await)?;
            said(store.swap(&found.key, b"empty", b"money").await)?;
        }
        other => expect("first write", other, Swap::Done)?,
    }
    let found = first_write::Found { key: opening.plain(), value: b"money".to_vec() };
    expect("document", said(first_write::open(store, &opening, b"empty").await)?, found)?;
    expect("tickets", said(store.count(&opening.tickets()).await)?, 1)?;
    expect("elected", said(store.elected(&opening.election()).await)?, Some(1))?;
    expect("late", said(store.elect(&opening.election(), 2).await)?, 1)
}

async fn a_first_write_is_lost_where_somebody_has_begun_to_open(
    store: &impl Store,
    scope: &str,
) -> CaseResult {
    let begun = opening(scope, "begun");
    said(store.increment(&begun.tickets(), 1).await)?;
    expect("first", said(store.write_first(&begun, b"empty", b"money").await)?, Swap::Lost(None))?;
    expect("document", said(store.get(&begun.plain()).await)?, None)?;
    let opened = opening(scope, "opened before");
    let found = said(first_write::open(store, &opened, b"empty").await)?;
    match said(store.write_first(&opened, b"empty", b"money").await)? {
        Swap::Lost(_) => expect("value", said(store.get(&found.key).await)?, Some(b"empty".to_vec())),
        other => Err(format!("a first write of what was opened: {other:?}")),
    }
}

async fn of_racing_first_writes_and_openers_one_counts(store: &impl Store, scope: &str) -> CaseResult {
    let opening = opening(scope, "race to be first");
    let values: Vec<_> = (0..8).map(|n| format!("racer {n}").into_bytes()).collect();
    let writes = join_all(values.iter().map(|value| store.write_first(&opening, b"empty", value)));
    let opens = join_all((0..8).map(|_| first_write::open(store, &opening, b"empty")));
    let (writes, opens) = join(writes, opens).await;
    let found = said(first_write::open(store, &opening, b"empty").await)?;
    for one in opens {
        expect("key", said(one)?.key, found.key.clone())?;
    }
    let mut done = Vec::new();
    for (value, swap) in values.into_iter().zip(writes) {
        if said(swap)? == Swap::Done {
            done.push(value);
        }
    }
    let there = if found.value == b"empty" { Vec::new() } else { vec![found.value] };
    expect("first writes that count", done, there)
}
