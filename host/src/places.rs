//! How many requests components work on at once, and which requests wait or are refused.
//!
//! Only requests that have arrived completely take one of the common places. Each component also has some places of
//! its own, which no request to another component can take: so a crowd at one endpoint keeps nobody from
//! `/healthz`. Requests whose bodies are passed on while they arrive have separate places, so slow senders delay
//! only one another. Calls between components have separate places too: the request that makes one already holds a
//! place, and must not wait for a second one.
//!
//! When more requests come than components can answer, a bounded number waits for each component, and the others
//! are refused at once: a request that waits is answered soon, and a client that is refused can go elsewhere, or
//! come again.

use futures::future::select;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::ClientLimits;

/// The most places of one component: as many requests as an instance takes at once.
const OWN_PLACES: usize = 16;
/// The own places of all components together. With the common places, those for bodies that are still coming and those
/// for calls between components they are fewer than the possible instances: a request may need one for itself.
const ALL_OWN_PLACES: usize = 256;
/// The places for requests whose bodies are still coming.
const STREAMING_PLACES: usize = 64;
/// The places for calls between components, of all called components together.
const CALL_PLACES: usize = 128;

/// The places that all components share.
pub struct Places {
    common: Arc<Semaphore>,
    streaming: Arc<Semaphore>,
    own: usize,
    queue: usize,
}

/// The places that only one component has, and its queue for them.
#[derive(Clone)]
pub struct OwnPlaces {
    places: Arc<Semaphore>,
    /// The free room in the queue.
    queue: Arc<Semaphore>,
}

/// A request's place, until it is answered.
pub type Place = OwnedSemaphorePermit;

/// Too many requests are waiting for the component.
#[derive(Debug, PartialEq, Eq)]
pub struct Crowded;

/// The places of one component for calls by others.
pub struct CallPlaces(Arc<Semaphore>);

impl CallPlaces {
    /// The places of one component, if `components` are called.
    pub fn new(components: usize) -> Self {
        Self(Arc::new(Semaphore::new(CALL_PLACES.checked_div(components).unwrap_or(CALL_PLACES).max(1))))
    }

    /// A place for a call.
    pub async fn call(&self) -> Option<Place> {
        self.0.clone().acquire_owned().await.ok()
    }
}

impl Places {
    /// The places that `limits` allow, for an application of so many components.
    pub fn new(limits: &ClientLimits, components: usize) -> Self {
        let number = |most: u32| usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let (common, queue) = (number(limits.max_requests), number(limits.max_waiting));
        let own = ALL_OWN_PLACES.checked_div(components).unwrap_or(OWN_PLACES).clamp(1, OWN_PLACES);
        let [common, streaming] = [common, STREAMING_PLACES].map(|most| Arc::new(Semaphore::new(most)));
        Self { common, streaming, own, queue }
    }

    /// The places of one more component.
    pub fn own(&self) -> OwnPlaces {
        let [places, queue] = [self.own, self.queue].map(|most| Arc::new(Semaphore::new(most)));
        OwnPlaces { places, queue }
    }

    /// A place for a request that has arrived completely. None is given once nothing takes requests any more.
    ///
    /// # Errors
    /// [`Crowded`]: it would have to wait, and too many do.
    pub async fn for_complete(&self, own: &OwnPlaces) -> Result<Option<Place>, Crowded> {
        if let Ok(place) = own.places.clone().try_acquire_owned() {
            return Ok(Some(place));
        }
        if let Ok(place) = self.common.clone().try_acquire_owned() {
            return Ok(Some(place));
        }
        let _waits = own.queue.try_acquire().map_err(|_| Crowded)?;
        let [own, common] = [&own.places, &self.common].map(|places| places.clone().acquire_owned());
        let (own, common) = (pin!(own), pin!(common));
        Ok(select(own, common).await.factor_first().0.ok())
    }

    /// A place for a request whose body is still coming.
    pub async fn for_streaming(&self) -> Option<Place> {
        self.streaming.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use futures::FutureExt as _;

    /// The flags of `bank up` that matter here.
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        limits: ClientLimits,
    }

    fn limits(flags: &str) -> ClientLimits {
        Flags::parse_from(["bank"].into_iter().chain(flags.split(' '))).limits
    }

    fn all_free(places: &Places, own: &OwnPlaces) -> Vec<Place> {
        let free = || places.for_complete(own).now_or_never().and_then(Result::ok).flatten();
        std::iter::from_fn(free).collect()
    }

    #[tokio::test]
    async fn a_component_keeps_its_own_places_when_others_have_taken_all() {
        let places = Places::new(&limits("--max-requests 3"), 2);
        let (crowded, health) = (places.own(), places.own());
        let mut taken = all_free(&places, &crowded);
        assert_eq!(taken.len(), OWN_PLACES + 3);
        assert!(places.for_complete(&health).now_or_never().is_some());
        taken.pop();
        assert!(places.for_complete(&crowded).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_request_for_which_the_queue_has_no_room_is_refused_at_once() {
        let places = Places::new(&limits("--max-requests 1 --max-waiting 2"), 2);
        let (crowded, health) = (places.own(), places.own());
        let mut taken = all_free(&places, &crowded);
        let [mut first, mut second] = [(); 2].map(|()| Box::pin(places.for_complete(&crowded)));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        assert!(matches!(places.for_complete(&crowded).now_or_never(), Some(Err(Crowded))));
        assert!(matches!(places.for_complete(&health).now_or_never(), Some(Ok(Some(_)))));
        drop(second);
        let mut third = Box::pin(places.for_complete(&crowded));
        assert!((&mut third).now_or_never().is_none(), "who left made room");
        taken.pop();
        assert!(matches!(first.await, Ok(Some(_))));
    }

    #[tokio::test]
    async fn calls_find_places_when_clients_have_taken_all_of_theirs() {
        let places = Places::new(&limits("--max-requests 1"), 1);
        let (own, calls) = (places.own(), CallPlaces::new(2));
        let mut taken: Vec<_> = all_free(&places, &own).into_iter().map(Some).collect();
        while let Some(place) = calls.call().now_or_never() {
            taken.push(place);
        }
        assert_eq!(taken.len(), OWN_PLACES + 1 + CALL_PLACES / 2);
        assert!(CallPlaces::new(CALL_PLACES + 1).call().now_or_never().is_some());
    }

    #[tokio::test]
    async fn bodies_that_come_slowly_take_no_place_of_whole_requests() {
        let places = Places::new(&limits("--max-requests 1"), 1);
        let own = places.own();
        let mut coming = Vec::new();
        while let Some(place) = places.for_streaming().now_or_never() {
            coming.push(place);
        }
        assert_eq!(coming.len(), STREAMING_PLACES);
        assert!(places.for_complete(&own).now_or_never().is_some());
    }
}
