//! Whose turn it is: how many requests components work on at once.
//!
//! Only requests that have come whole take a place of the common ones. A component has some places of its own
//! besides, which no request to another can take: so a crowd at one endpoint keeps nobody from `/healthz`.
//! Bodies that are handed on while they come have places apart, so that those who send them
//! slowly hold up only one another. So do calls from component to component: the request that one is made for has a
//! place, and must not wait for another such place.

use futures::future::select;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many as an instance takes at once.
const OWN: usize = 16;
/// Of all components together. With the common places, those of bodies that come and those of calls between
/// components these are fewer than the instances that there can be: a request may need one for itself.
const ALL_OWN: usize = 256;
const COMING: usize = 64;
/// For calls between components, of all that are called together.
const CALLED: usize = 128;

/// The places that all components share.
pub struct Places {
    common: Arc<Semaphore>,
    coming: Arc<Semaphore>,
    own: usize,
}

/// The places that only one component has.
#[derive(Clone)]
pub struct OwnPlaces(Arc<Semaphore>);

/// The places of one component for calls by others.
pub struct CallPlaces(Arc<Semaphore>);

impl CallPlaces {
    /// For one of so many components that are called.
    pub fn new(components: usize) -> Self {
        Self(Arc::new(Semaphore::new(CALLED.checked_div(components).unwrap_or(CALLED).max(1))))
    }

    /// A place for a call.
    pub async fn call(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}

impl Places {
    /// For an application of so many components.
    pub fn new(common: u32, components: usize) -> Self {
        let common = usize::try_from(common).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let own = ALL_OWN.checked_div(components).unwrap_or(OWN).clamp(1, OWN);
        Self { common: Arc::new(Semaphore::new(common)), coming: Arc::new(Semaphore::new(COMING)), own }
    }

    /// The places of one more component.
    pub fn own(&self) -> OwnPlaces {
        OwnPlaces(Arc::new(Semaphore::new(self.own)))
    }

    /// A place for a request that has come whole.
    pub async fn whole(&self, own: &OwnPlaces) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = own.0.clone().try_acquire_owned() {
            return Some(place);
        }
        if let Ok(place) = self.common.clone().try_acquire_owned() {
            return Some(place);
        }
        let (own, common) = (pin!(own.0.clone().acquire_owned()), pin!(self.common.clone().acquire_owned()));
        select(own, common).await.factor_first().0.ok()
    }

    /// A place for a request whose body is still coming.
    pub async fn coming(&self) -> Option<OwnedSemaphorePermit> {
        self.coming.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_component_keeps_its_own_places_when_others_have_taken_all() {
        let places = Places::new(3, 2);
        let (crowded, health) = (places.own(), places.own());
        let mut taken = Vec::new();
        while let Some(place) = places.whole(&crowded).now_or_never() {
            taken.push(place);
        }
        assert_eq!(taken.len(), OWN + 3);
        assert!(places.whole(&health).now_or_never().is_some());
        taken.pop();
        assert!(places.whole(&crowded).now_or_never().is_some());
    }

    #[tokio::test]
    async fn calls_find_places_when_clients_have_taken_all_of_theirs() {
        let places = Places::new(1, 1);
        let (own, calls) = (places.own(), CallPlaces::new(2));
        let mut taken = Vec::new();
        while let Some(place) = places.whole(&own).now_or_never() {
            taken.push(place);
        }
        while let Some(place) = calls.call().now_or_never() {
            taken.push(place);
        }
        assert_eq!(taken.len(), OWN + 1 + CALLED / 2);
        assert!(CallPlaces::new(CALLED + 1).call().now_or_never().is_some());
    }

    #[tokio::test]
    async fn bodies_that_come_slowly_take_no_place_of_whole_requests() {
        let places = Places::new(1, 1);
        let own = places.own();
        let mut coming = Vec::new();
        while let Some(place) = places.coming().now_or_never() {
            coming.push(place);
        }
        assert_eq!(coming.len(), COMING);
        assert!(places.whole(&own).now_or_never().is_some());
    }
}
