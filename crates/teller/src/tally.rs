//! Counters: a total that never passes its limit, and posts under idempotency keys that count once.
//!
//! The total is a cell plus the sum of the keyed posts ([`ledger::tally`]). A post without a key is one
//! atomic increment of the cell; a post under a key goes into the keyed part by a swap, and is committed
//! when a read shows it there, as operations are ([`crate::operation`]).
//!
//! One gap is known (the simulator found it): cell and keyed posts are two values that no single write guards,
//! so a keyed and an unkeyed post that race for the last step to the limit can both take it. Neither is lost.

use futures::future::{join, try_join_all};
use ledger::{IdempotencyKey, Post, Tally};
use store::first_write::{self, Found};
use store::{Counter, Store, Swap, Unavailable, keys};

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
pub struct Answer {
    /// The total after it; `None` where that would have passed the limit.
    pub total: Option<i64>,
    /// It is the answer of an earlier request under the same idempotency key.
    pub replayed: bool,
}

/// The total of a counter; 0 for one that was never touched.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn total(store: &impl Store, counter: &keys::Tally) -> Result<i64, Error> {
    let cell = counter.cell();
    let (keyed, cell) = if store.goes_together() {
        join(keyed(store, counter), store.count(&cell)).await
    } else {
        (keyed(store, counter).await, store.count(&cell).await)
    };
    Ok(cell?.saturating_add(keyed?))
}

/// Adds `by` (1 or more), without a key, unless that takes the total past `limit`.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Corrupt`].
pub async fn add(store: &impl Store, counter: &keys::Tally, by: i64, limit: i64) -> Result<Answer, Error> {
    let cell = counter.cell();
    let (keyed, sum) = if store.goes_together() {
        add_early(store, counter, by, limit).await?
    } else {
        let keyed = keyed(store, counter).await?;
        (keyed, store.increment_within(&cell, by, limit.saturating_sub(keyed)).await?)
    };
    Ok(Answer { total: sum.map(|sum| sum.saturating_add(keyed)), replayed: false })
}

/// Adds while it asks what was counted under keys: nearly every total is far from its limit, and then the two
/// parts need not wait for one another. Says the keyed part and, if it was added, the other.
async fn add_early(
    store: &impl Store,
    counter: &keys::Tally,
    by: i64,
    limit: i64,
) -> Result<(i64, Option<i64>), Error> {
    let cell = counter.cell();
    let half = limit.div_euclid(2);
    let (keyed, early) = join(keyed(store, counter), store.increment_within(&cell, by, half)).await;
    let (keyed, early) = match (keyed, early?) {
        (Ok(keyed), early) => (keyed, early),
        (Err(error), None) => return Err(error),
        // It was added; only what it came to is not known.
        (Err(Error::Unavailable(_)), Some(_)) => return Err(Unavailable::Unknown.into()),
        (Err(error), Some(_)) => return take_back(store, &cell, by).await.and(Err(error)),
    };
    let room = limit.saturating_sub(keyed);
    let sum = match early {
        Some(sum) if sum <= room => Some(sum),
        Some(_) => take_back(store, &cell, by).await.map(|()| None)?,
        None => store.increment_within(&cell, by, room).await?,
    };
    Ok((keyed, sum))
}

/// What was counted under keys.
async fn keyed(store: &impl Store, counter: &keys::Tally) -> Result<i64, Error> {
    let (opening, empty) = (counter.posts(), Tally::new().encode());
    let found = if store.goes_together() {
        first_write::find_at_once(store, &opening, &empty).await?
    } else {
        first_write::find(store, &opening, &empty).await?
    };
    read(found.as_ref()).map(|tally| tally.sum())
}

async fn take_back(store: &impl Store, cell: &Counter, by: i64) -> Result<(), Error> {
    store.increment(cell, by.saturating_neg()).await.map(drop).map_err(|_| Unavailable::Unknown.into())
}

/// Adds under a key, once and for ever, unless that takes the total past `limit`.
///
/// # Errors
/// [`Error`]: as [`crate::operation::carry_out`].
pub async fn add_once(
    store: &impl Store,
    counter: &keys::Tally,
    post: &KeyedPost,
    limit: i64,
) -> Result<Answer, Error> {
    let mut attempted = None;
    match count(store, counter, post, limit, &mut attempted).await {
        Err(Error::Unavailable(_)) if attempted.is_some() => Err(Unavailable::Unknown.into()),
        answer => answer,
    }
}

/// `attempted` is what a swap was to be written over whose outcome is not known, nothing at all if it was the
/// first write: while that is stored, the swap may still commit.
async fn count(
    store: &impl Store,
    counter: &keys::Tally,
    post: &KeyedPost,
    limit: i64,
    attempted: &mut Option<Option<Vec<u8>>>,
) -> Result<Answer, Error> {
    let (opening, empty) = (counter.posts(), Tally::new().encode());
    let mut found = if store.goes_together() {
        // Where this finds nothing, the first write finds out.
        first_write::glance(store, &opening, &empty).await?
    } else {
        Some(first_write::open(store, &opening, &empty).await?)
    };
    let mut losses = 0_u32;
    loop {
        let mut tally = read(found.as_ref())?;
        if let Some(known) = look_up(store, counter, &tally, post).await? {
            return answer(&known, post);
        }
        attempted.take_if(|over| over.as_ref() != found.as_ref().map(|found| &found.value));
        let cell = store.count(&counter.cell()).await?;
        let KeyedPost { key, by, request } = post.clone();
        let new = tally.count(key, by, request, cell, limit);
        let Some(Found { key, value }) = found else {
            found = match store.write_first(&opening, &empty, &tally.encode()).await? {
                Swap::Done => return answer(&new, post),
                Swap::Unknown => {
                    *attempted = Some(None);
                    first_write::find(store, &opening, &empty).await?
                }
                Swap::Lost(_) => Some(first_write::open(store, &opening, &empty).await?),
            };
            continue;
        };
        seal(store, counter, &mut tally).await?;
        let stored = match store.swap(&key, &value, &tally.encode()).await? {
            Swap::Done => return answer(&new, post),
            Swap::Unknown => {
                *attempted = Some(Some(value));
                store.get(&key).await?
            }
            Swap::Lost(holds) => {
                losses = losses.saturating_add(1);
                if store.step_aside(losses).await { store.get(&key).await? } else { holds }
            }
        };
        found = Some(Found { key, value: stored.ok_or(Unavailable::Untouched)? });
    }
}

fn read(found: Option<&Found>) -> Result<Tally, Error> {
    found.map_or_else(|| Ok(Tally::new()), |found| Tally::decode(&found.value).map_err(Error::at(&found.key)))
}

/// What the key became, newest first: in the value, or in the index.
async fn look_up(
    store: &impl Store,
    counter: &keys::Tally,
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

fn answer(known: &Post, post: &KeyedPost) -> Result<Answer, Error> {
    if known.by != post.by {
        return Err(Error::KeyReuse);
    }
    Ok(Answer { total: known.total, replayed: known.request != post.request })
}

/// Stores what leaves the value. While this fails, nothing was counted.
async fn seal(store: &impl Store, counter: &keys::Tally, tally: &mut Tally) -> Result<(), Unavailable> {
    let sealed = tally.seal();
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

    fn counted(total: i64) -> Answer {
        Answer { total: Some(total), replayed: false }
    }

    const REFUSED: Answer = Answer { total: None, replayed: false };

    #[test]
    fn a_total_may_reach_its_limit_and_not_pass_it() {
        for store in [Memory::new(), Memory::that_goes_together()] {
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
        for store in [Memory::new(), Memory::that_goes_together()] {
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
        for store in [Memory::new(), Memory::that_goes_together()] {
            for round in 0..3 {
                for n in 1..=30 {
                    let request = format!("{round}-{n}");
                    let post = post(&format!("k{n}"), 1, &request);
                    let answer = block_on(add_once(&store, &bitcoins(), &post, 99));
                    assert_eq!(answer, Ok(Answer { total: Some(n), replayed: round > 0 }));
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

    #[test]
    fn corrupt_posts_are_named_and_nothing_is_counted() {
        let store = Memory::new();
        let once = |key: &str| block_on(add_once(&store, &bitcoins(), &post(key, 1, key), 99));
        (0..30).for_each(|n| assert!(once(&format!("k{n}")).is_ok()));
        let (newest, old) = (bitcoins().posts().plain(), bitcoins().post("k0"));
        block_on(store.set(&old, b"{}")).unwrap();
        let error = once("k0").unwrap_err();
        assert!(error.to_string().starts_with("bank:post:bitcoins:k0: "), "{error}");
        assert_eq!(block_on(total(&store, &bitcoins())), Ok(30));
        block_on(store.set(&newest, b"{}")).unwrap();
        let all = [
            block_on(total(&store, &bitcoins())).unwrap_err(),
            block_on(add(&store, &bitcoins(), 1, 99)).unwrap_err(),
            once("new").unwrap_err(),
        ];
        for error in all {
            assert!(error.to_string().starts_with("bank:posts:bitcoins: "), "{error}");
        }
        assert_eq!(block_on(store.count(&bitcoins().cell())), Ok(0));
        assert_eq!(block_on(store.get(&newest)), Ok(Some(b"{}".to_vec())));
    }
}
