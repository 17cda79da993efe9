//! The first write of a document, on a store whose compare-and-swap does not guard an absent key (docs/spin.md,
//! fact 3).
//!
//! An unguarded write may land at any later time (fact 7) and would erase whatever is under its key by then. So
//! each opener takes a ticket of its own, and writes the empty document under a key that no other opener ever
//! writes. Only when that write was acknowledged, so that nothing of it can still be under way, does the ticket
//! stand for election. The key of the elected ticket is the document, for ever. Any number of openers race to one
//! answer, and one that dies half way leaves nothing that counts.
//!
//! The key of ticket 1 is the plain one, so nearly every document is found with one read: if it is there and no
//! longer empty, it was elected, since only elected documents are ever swapped.
//!
//! A store that can do all of this in one call, if nobody has begun, does so ([`Store::write_first`]). The keys are
//! the same in the end.

use crate::keys::ElectedKeys;
pub use crate::port::Found;
use crate::port::{NotIncremented, Store, Unavailable};

/// Looks for a document; `None` if nobody has opened it. `empty` is the value that it is opened with.
///
/// # Errors
///
/// [`Unavailable::Untouched`].
pub async fn find(
    store: &impl Store,
    opening: &ElectedKeys,
    empty: &[u8],
) -> Result<Option<Found>, Unavailable> {
    if let Some(found) = find_plain(store, opening, empty).await? {
        return Ok(Some(found));
    }
    match store.elected(&opening.election()).await? {
        Some(ticket) => elected(store, opening, ticket).await.map(Some),
        None => Ok(None),
    }
}

/// Looks only under the plain key, where nearly every document is. `None` proves little: it may have another key, or
/// be empty.
///
/// # Errors
///
/// [`Unavailable::Untouched`].
pub async fn find_plain(
    store: &impl Store,
    opening: &ElectedKeys,
    empty: &[u8],
) -> Result<Option<Found>, Unavailable> {
    let key = opening.plain();
    let value = store.get(&key).await?.filter(|value| value != empty);
    Ok(value.map(|value| Found { key, value }))
}

/// Finds a document, and opens it with `empty` if nobody has.
///
/// # Errors
///
/// [`Unavailable::Untouched`]: an opening that stops half way changes nothing that anybody reads.
pub async fn open(store: &impl Store, opening: &ElectedKeys, empty: &[u8]) -> Result<Found, Unavailable> {
    if let Some(found) = find(store, opening, empty).await? {
        return Ok(found);
    }
    let untouched = |_| Unavailable::Untouched;
    let ticket =
        store.increment(&opening.tickets(), 1).await.map_err(|_: NotIncremented| Unavailable::Untouched)?;
    store.set(&opening.of_ticket(ticket), empty).await.map_err(untouched)?;
    let elected_ticket = store.elect(&opening.election(), ticket).await.map_err(untouched)?;
    elected(store, opening, elected_ticket).await
}

async fn elected(store: &impl Store, opening: &ElectedKeys, ticket: i64) -> Result<Found, Unavailable> {
    let key = opening.of_ticket(ticket);
    // It was written before it was elected: a store without it has lost an acknowledged write.
    let value = store.get(&key).await?.ok_or(Unavailable::Untouched)?;
    Ok(Found { key, value })
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::keys::wallet;
    use crate::memory::Memory;

    const EMPTY: &[u8] = b"empty";

    #[test]
    fn nobody_has_opened_it() {
        assert_eq!(block_on(find(&Memory::new(), &wallet("ann"), EMPTY)), Ok(None));
    }

    #[test]
    fn the_first_opener_gets_the_plain_key() {
        let store = Memory::new();
        let found = block_on(open(&store, &wallet("ann"), EMPTY)).unwrap();
        assert_eq!(found, Found { key: wallet("ann").plain(), value: EMPTY.to_vec() });
    }

    #[test]
    fn it_is_found_wherever_its_opening_has_got() {
        let opening = wallet("ann");
        let (plain, second) = (opening.plain(), opening.of_ticket(2));
        for (written, elected, there) in [
            (None, None, None),
            (Some((&plain, EMPTY)), None, None),
            (Some((&plain, EMPTY)), Some(1), Some((&plain, EMPTY))),
            (Some((&plain, &b"money"[..])), Some(1), Some((&plain, &b"money"[..]))),
            // The election was read before it took place, the document after.
            (Some((&plain, &b"money"[..])), None, Some((&plain, &b"money"[..]))),
            (Some((&second, EMPTY)), Some(2), Some((&second, EMPTY))),
            (Some((&second, &b"money"[..])), Some(2), Some((&second, &b"money"[..]))),
        ] {
            let store = Memory::new();
            if let Some((key, value)) = written {
                block_on(store.set(key, value)).unwrap();
            }
            if let Some(ticket) = elected {
                block_on(store.elect(&opening.election(), ticket)).unwrap();
            }
            let there = there.map(|(key, value)| Found { key: key.clone(), value: value.to_vec() });
            assert_eq!(block_on(find(&store, &opening, EMPTY)), Ok(there));
        }
    }

    #[test]
    fn an_elected_document_that_is_gone_is_no_empty_one() {
        let (store, opening) = (Memory::new(), wallet("ann"));
        block_on(store.elect(&opening.election(), 1)).unwrap();
        assert_eq!(block_on(find(&store, &opening, EMPTY)), Err(Unavailable::Untouched));
    }

    #[test]
    fn an_opener_that_died_before_its_election_locks_nobody_out() {
        let store = Memory::new();
        let opening = wallet("ann");
        block_on(store.increment(&opening.tickets(), 1)).unwrap();
        let found = block_on(open(&store, &opening, EMPTY)).unwrap();
        assert_eq!(found.key, opening.of_ticket(2));
        assert_eq!(block_on(find(&store, &opening, EMPTY)).unwrap(), Some(found));
    }

    #[test]
    fn the_late_write_of_a_dead_opener_erases_nothing() {
        let store = Memory::new();
        let opening = wallet("ann");
        block_on(store.increment(&opening.tickets(), 1)).unwrap();
        let found = block_on(open(&store, &opening, EMPTY)).unwrap();
        block_on(store.swap(&found.key, EMPTY, b"money")).unwrap();
        block_on(store.set(&opening.of_ticket(1), EMPTY)).unwrap();
        let again = block_on(open(&store, &opening, EMPTY)).unwrap();
        assert_eq!(again, Found { key: found.key, value: b"money".to_vec() });
    }
}
