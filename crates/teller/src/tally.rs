//! Counters: a total that never passes its limit, and posts under idempotency keys that count once.
//!
//! The total is a cell plus the sum of the keyed posts ([`ledger::tally`]). A post without a key is one atomic
//! increment of the cell. A post under a key goes into the keyed part by a swap, and is committed when a read shows
//! it there, as operations are ([`crate::operation`]).
//!
//! How exact the total in an answer is depends on the store. With `store = redis` one script adds a post and reads
//! the other part: the answer is the total right after it, and no two posts pass the limit together. With `store =
//! kv` each call stands alone, and no write guards both parts:
//!
//! - A post without a key reads the keyed part before and after its increment. If that has not changed, the answer
//!   is the total right after it. If it has, it reads both parts until the keyed part stands still around a read of
//!   the cell, and answers that total, which the counter had after the post.
//! - A post under a key reads the document, then the cell, computes its total, and swaps the document; if the swap is
//!   lost, it does all of that again. So, without the post itself, it is a total that the counter had between the
//!   request and the swap. If posts without a key come between that read and the swap, the answer lacks them. It
//!   cannot be otherwise: the answer is stored with the post, and is given again byte for byte.
//! - If a post with a key and one without race for the last step to the limit, both can succeed. Neither is lost.

use futures::future::{try_join, try_join_all, try_join3};
use ledger::{IdempotencyKey, Post, Tally};
use store::first_write::{self, Found};
use store::{Added, Store, Swap, Unavailable, ValueWithTotal, keys};

use crate::Error;

/// A post under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPost {
    /// Its key.
    pub key: IdempotencyKey,
    /// How much it adds; 1 or more.
    pub by: i64,
    /// The request's id, unique among all requests.
    pub request: String,
}

/// What a post became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostAnswer {
    /// The total after it; `None` if that would have passed the limit.
    pub total: Option<i64>,
    /// It is a replay: the answer of an earlier request under the same idempotency key.
    pub replayed: bool,
}

/// The total of a counter; 0 for one that was never touched.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn total(store: &impl Store, counter: &keys::CounterKeys) -> Result<i64, Error> {
    let cell = counter.cell();
    let (keyed, held) = if store.shares_round_trips() {
        let (posts, plain) = (counter.posts(), counter.posts().plain());
        let election = posts.election();
        match try_join3(store.get(&plain), store.elected(&election), store.count(&cell)).await? {
            (None, None, held) => (0, held),
            (Some(value), None | Some(1), held) => (sum(Found { key: plain, value })?, held),
            // The document is elsewhere: read both again, as of one moment.
            (_, Some(ticket), _) => {
                let key = posts.of_ticket(ticket);
                let (value, held) = try_join(store.get(&key), store.count(&cell)).await?;
                (sum(Found { key, value: value.ok_or(Unavailable::Untouched)? })?, held)
            }
        }
    } else {
        (keyed_sum(store, counter).await?, store.count(&cell).await?)
    };
    Ok(held.saturating_add(keyed))
}

/// Adds `by` (1 or more), without a key, unless the total would pass `limit`.
///
/// # Errors
///
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn add(
    store: &impl Store,
    counter: &keys::CounterKeys,
    by: i64,
    limit: i64,
) -> Result<PostAnswer, Error> {
    let total = if store.shares_round_trips() {
        match store.add_to_total(counter, by, limit).await? {
            Added::Total(total, posts) => match decode(posts.as_ref()) {
                Ok(_) => Some(total),
                Err(corrupt) => return Err(take_back(store, counter, by).await.err().unwrap_or(corrupt)),
            },
            // A refusal rests on them too.
            Added::OverLimit => keyed_sum(store, counter).await.map(|_| None)?,
            // Whoever reads it hears why.
            Added::PostsUnreadable => {
                return keyed_sum(store, counter).await.and(Err(Unavailable::Untouched.into()));
            }
        }
    } else {
        add_separately(store, counter, by, limit).await?
    };
    Ok(PostAnswer { total, replayed: false })
}

/// Takes a post back that was added to a counter whose keyed posts are corrupt.
async fn take_back(store: &impl Store, counter: &keys::CounterKeys, by: i64) -> Result<(), Error> {
    let back = store.increment(&counter.cell(), by.saturating_neg()).await;
    back.map(drop).map_err(|_| Unavailable::Unknown.into())
}

/// Adds on a store where no call sees both parts.
async fn add_separately(
    store: &impl Store,
    counter: &keys::CounterKeys,
    by: i64,
    limit: i64,
) -> Result<Option<i64>, Error> {
    let (opening, empty) = (counter.posts(), Tally::new().encode());
    let mut posts = first_write::find(store, &opening, &empty).await?;
    let mut keyed = decode(posts.as_ref())?.sum();
    let sum = store.increment_within(&counter.cell(), by, limit.saturating_sub(keyed)).await?;
    let Some(mut cell) = sum else { return Ok(None) };
    // It was added; only the total is unknown.
    let unknown = |_| Unavailable::Unknown;
    loop {
        posts = match posts {
            Some(Found { key, .. }) => {
                let value = store.get(&key).await.map_err(unknown)?.ok_or(Unavailable::Unknown)?;
                Some(Found { key, value })
            }
            None if store.elected(&opening.election()).await.map_err(unknown)?.is_none() => None,
            None => first_write::find(store, &opening, &empty).await.map_err(unknown)?,
        };
        let now = decode(posts.as_ref())?.sum();
        if now == keyed {
            return Ok(Some(cell.saturating_add(keyed)));
        }
        keyed = now;
        cell = store.count(&counter.cell()).await.map_err(unknown)?;
    }
}

/// What was counted under keys.
async fn keyed_sum(store: &impl Store, counter: &keys::CounterKeys) -> Result<i64, Error> {
    let found = first_write::find(store, &counter.posts(), &Tally::new().encode()).await?;
    found.map_or(Ok(0), sum)
}

fn sum(found: Found) -> Result<i64, Error> {
    decode(Some(&found)).map(|tally| tally.sum())
}

/// Adds under a key, once and for ever, unless the total would pass `limit`.
///
/// # Errors
///
/// [`Error`]: as [`crate::operation::carry_out`].
pub async fn add_once(
    store: &impl Store,
    counter: &keys::CounterKeys,
    post: &KeyedPost,
    limit: i64,
) -> Result<PostAnswer, Error> {
    let mut attempted = None;
    match count(store, counter, post, limit, &mut attempted).await {
        Err(Error::Unavailable(_)) if attempted.is_some() => Err(Unavailable::Unknown.into()),
        answer => answer,
    }
}

/// `attempted` is the value that a swap with an unknown outcome would replace: while it is stored, the swap may still
/// commit.
async fn count(
    store: &impl Store,
    counter: &keys::CounterKeys,
    post: &KeyedPost,
    limit: i64,
    attempted: &mut Option<Vec<u8>>,
) -> Result<PostAnswer, Error> {
    let mut found = open(store, counter).await?;
    loop {
        let tally = decode(Some(&found))?;
        if let Some(known) = look_up(store, counter, &tally, post).await? {
            // This request has done nothing.
            let untouched = |_| Unavailable::Untouched;
            if store.confirm_replicated(&found.key, &found.value).await.map_err(untouched)? {
                return replay_answer(&known, post);
            }
            found = open(store, counter).await?;
            continue;
        }
        attempted.take_if(|over| *over != found.value);
        let (swap, total) = write(store, counter, tally, post, limit, &found).await?;
        let Found { key, value } = found;
        let stored = match swap {
            Swap::Done => return Ok(PostAnswer { total, replayed: false }),
            Swap::Unknown => {
                *attempted = Some(value);
                store.get(&key).await?
            }
            Swap::Lost(holds) => {
                if store.step_aside(1).await {
                    store.get(&key).await?
                } else {
                    holds
                }
            }
        };
        found = Found { key, value: stored.ok_or(Unavailable::Untouched)? };
    }
}

/// The posts under keys, opened if nobody has.
async fn open(store: &impl Store, counter: &keys::CounterKeys) -> Result<Found, Unavailable> {
    let (opening, empty) = (counter.posts(), Tally::new().encode());
    if store.shares_round_trips() {
        if let Some(found) = first_write::find_plain(store, &opening, &empty).await? {
            return Ok(found);
        }
        // It is empty, so it changes no total, whatever happens to it.
        match store.write_first(&opening, &empty, &empty).await {
            Ok(Swap::Done) => return Ok(Found { key: opening.plain(), value: empty }),
            Ok(_) => {}
            Err(_) => return Err(Unavailable::Untouched),
        }
    }
    first_write::open(store, &opening, &empty).await
}

/// One attempt to write `post` over `found`. Returns the total after it.
async fn write(
    store: &impl Store,
    counter: &keys::CounterKeys,
    mut tally: Tally,
    post: &KeyedPost,
    limit: i64,
    found: &Found,
) -> Result<(Swap, Option<i64>), Error> {
    let cell = counter.cell();
    let KeyedPost { key, by, request } = post.clone();
    if store.shares_round_trips()
        && let Some(draft) = tally.draft(key.clone(), by, request.clone())
    {
        seal(store, counter, &draft.sealed).await?;
        let (head, tail, otherwise) = (&draft.head[..], &draft.tail[..], &draft.refused[..]);
        let next = ValueWithTotal { cell: &cell, own: draft.sum, limit, head, tail, otherwise };
        return Ok(store.swap_total(&found.key, &found.value, next).await?);
    }
    let held = store.count(&cell).await?;
    let new = tally.count(key, by, request, held, limit);
    seal(store, counter, &tally.seal()).await?;
    let swap = store.swap(&found.key, &found.value, &tally.encode()).await?;
    Ok((swap, new.total))
}

fn decode(found: Option<&Found>) -> Result<Tally, Error> {
    found.map_or_else(|| Ok(Tally::new()), |found| Tally::decode(&found.value).map_err(Error::at(&found.key)))
}

/// The outcome of the key: in the value, newest first, or in the index.
async fn look_up(
    store: &impl Store,
    counter: &keys::CounterKeys,
    tally: &Tally,
    post: &KeyedPost,
) -> Result<Option<Post>, Error> {
    if let Some(known) = tally.find(&post.key) {
        return Ok(Some(known.clone()));
    }
    if tally.indexed() == 0 {
        return Ok(None);
    }
    let document = counter.post(post.key.as_str());
    let stored = store.get(&document).await?;
    stored.map(|bytes| Post::decode(&bytes).map_err(Error::at(&document))).transpose()
}

fn replay_answer(known: &Post, post: &KeyedPost) -> Result<PostAnswer, Error> {
    if known.by != post.by {
        return Err(Error::KeyReuse);
    }
    Ok(PostAnswer { total: known.total, replayed: known.request != post.request })
}

/// Stores what leaves the value. If this fails, nothing was counted.
async fn seal(store: &impl Store, counter: &keys::CounterKeys, sealed: &[Post]) -> Result<(), Unavailable> {
    let documents: Vec<_> =
        sealed.iter().map(|post| (counter.post(post.key.as_str()), post.encode())).collect();
    let writes = documents.iter().map(|(key, value)| store.set(key, value));
    try_join_all(writes).await.map(drop).map_err(|_| Unavailable::Untouched)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use store::keys::bitcoins;
    use store::memory::Memory;

    use super::*;

    fn post(key: &str, by: i64, request: &str) -> KeyedPost {
        KeyedPost { key: key.parse().unwrap(), by, request: request.to_owned() }
    }

    fn counted(total: i64) -> PostAnswer {
        PostAnswer { total: Some(total), replayed: false }
    }

    const REFUSED: PostAnswer = PostAnswer { total: None, replayed: false };

    #[test]
    fn a_total_may_reach_its_limit_and_not_pass_it() {
        for store in [Memory::new(), Memory::with_shared_round_trips()] {
            let add = |by| block_on(add(&store, &bitcoins(), by, i64::MAX)).unwrap();
            assert_eq!(add(i64::MAX - 1), counted(i64::MAX - 1));
            assert_eq!(add(2), REFUSED);
            assert_eq!(add(1), counted(i64::MAX));
            assert_eq!(add(1), REFUSED);
            assert_eq!(block_on(total(&store, &bitcoins())), Ok(i64::MAX));
        }
    }

    #[test]
    fn keyed_and_unkeyed_posts_share_one_total_and_one_limit() {
        for store in [Memory::new(), Memory::with_shared_round_trips()] {
            let once = |key, by| block_on(add_once(&store, &bitcoins(), &post(key, by, key), 10)).unwrap();
            assert_eq!(block_on(add(&store, &bitcoins(), 3, 10)), Ok(counted(3)));
            assert_eq!(once("a", 4), counted(7));
            assert_eq!(block_on(add(&store, &bitcoins(), 2, 10)), Ok(counted(9)));
            assert_eq!(once("b", 2), REFUSED);
            assert_eq!(block_on(add(&store, &bitcoins(), 2, 10)), Ok(REFUSED));
            assert_eq!(once("c", 1), counted(10));
            assert_eq!(block_on(total(&store, &bitcoins())), Ok(10));
        }
    }

    #[test]
    fn a_post_under_a_key_counts_once_however_old_it_is() {
        for store in [Memory::new(), Memory::with_shared_round_trips()] {
            for round in 0..3 {
                for n in 1..=30 {
                    let request = format!("{round}-{n}");
                    let post = post(&format!("k{n}"), 1, &request);
                    let answer = block_on(add_once(&store, &bitcoins(), &post, 99));
                    assert_eq!(answer, Ok(PostAnswer { total: Some(n), replayed: round > 0 }));
                }
            }
            assert_eq!(block_on(total(&store, &bitcoins())), Ok(30));
        }
    }

    #[test]
    fn another_amount_under_a_used_key_is_key_reuse() {
        let store = Memory::new();
        for n in 1..=30 {
            block_on(add_once(&store, &bitcoins(), &post(&format!("k{n}"), 1, "r"), 99)).unwrap();
        }
        for n in 1..=30 {
            let answer = block_on(add_once(&store, &bitcoins(), &post(&format!("k{n}"), 2, "r"), 99));
            assert_eq!(answer, Err(Error::KeyReuse));
        }
    }

    /// The only form that there ever was; see `ledger`.
    #[test]
    fn empty_posts_that_a_dead_opener_left_are_nobodys() {
        let form = br#"{"v":1,"base":0,"sum":0,"indexed":0,"log":[]}"#;
        for store in [Memory::new(), Memory::with_shared_round_trips()] {
            let opening = bitcoins().posts();
            block_on(store.increment(&opening.tickets(), 1)).unwrap();
            block_on(store.set(&opening.plain(), form)).unwrap();
            assert_eq!(block_on(total(&store, &bitcoins())), Ok(0));
            assert_eq!(block_on(add_once(&store, &bitcoins(), &post("a", 2, "r"), 9)), Ok(counted(2)));
            assert_eq!(block_on(add(&store, &bitcoins(), 3, 9)), Ok(counted(5)));
            assert_eq!(block_on(total(&store, &bitcoins())), Ok(5));
            assert_eq!(block_on(store.elected(&opening.election())), Ok(Some(2)));
            assert_eq!(block_on(store.get(&opening.plain())), Ok(Some(form.to_vec())));
        }
    }

    #[test]
    fn corrupt_posts_are_named_and_nothing_is_counted() {
        let store = Memory::new();
        let once = |key: &str| block_on(add_once(&store, &bitcoins(), &post(key, 1, key), 99));
        (0..30).for_each(|n| assert!(once(&format!("k{n}")).is_ok()));
        let (newest, old) = (bitcoins().posts().plain(), bitcoins().post("k0"));
        block_on(store.set(&old, b"{}")).unwrap();
        let error = once("k0").unwrap_err();
        assert!(error.to_string().starts_with("bank:{bitcoins}:post:k0: "), "{error}");
        assert_eq!(block_on(total(&store, &bitcoins())), Ok(30));
        block_on(store.set(&newest, b"{}")).unwrap();
        let all = [
            block_on(total(&store, &bitcoins())).unwrap_err(),
            block_on(add(&store, &bitcoins(), 1, 99)).unwrap_err(),
            once("new").unwrap_err(),
        ];
        for error in all {
            assert!(error.to_string().starts_with("bank:{bitcoins}:posts: "), "{error}");
        }
        assert_eq!(block_on(store.count(&bitcoins().cell())), Ok(0));
        assert_eq!(block_on(store.get(&newest)), Ok(Some(b"{}".to_vec())));
    }

    #[test]
    fn a_sum_that_another_hand_changed_is_never_built_on() {
        for store in [Memory::new(), Memory::with_shared_round_trips()] {
            let posts = bitcoins().posts().plain();
            assert!(block_on(add_once(&store, &bitcoins(), &post("k", 1, "r"), 99)).is_ok());
            let sound = String::from_utf8(block_on(store.get(&posts)).unwrap().unwrap()).unwrap();
            for (sum, limit) in [(0, 99), (2, 99), (98, 99)] {
                let damaged = sound.replace(r#""sum":1"#, &format!(r#""sum":{sum}"#));
                block_on(store.set(&posts, damaged.as_bytes())).unwrap();
                for by in [1, 2] {
                    let error = block_on(add(&store, &bitcoins(), by, limit)).unwrap_err();
                    assert!(error.to_string().starts_with("bank:{bitcoins}:posts: "), "{error}");
                    assert_eq!(block_on(store.count(&bitcoins().cell())), Ok(0));
                }
            }
        }
    }
}
