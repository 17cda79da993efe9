//! The open connections, whose number is limited.
//!
//! When the limit is reached, a new connection closes the one that has kept `bank` waiting longest: for a request,
//! or for the rest of a head or body. Connections whose request is being answered are never closed. If all of them
//! are like that, the new one waits.

use crate::progress::Progress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How often a new connection without a place closes another one.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// All connections.
pub struct Connections(Arc<Pool>);

struct Pool {
    places: Arc<Semaphore>,
    open: Mutex<OpenMembers>,
}

#[derive(Default)]
struct OpenMembers {
    all: HashMap<u64, Arc<Progress>>,
    next_number: u64,
}

/// An open connection; dropping it makes room for another one.
pub struct OpenConnection {
    /// What it is doing.
    pub progress: Arc<Progress>,
    number: u64,
    pool: Arc<Pool>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connections {
    /// No connections yet, at most `most`.
    pub fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Pool { places: Arc::new(Semaphore::new(most)), open: Mutex::default() }))
    }

    /// Waits until there may be one more connection. If there is no room, it closes one.
    pub async fn admit(&self) -> OpenConnection {
        let place = self.place().await;
        let progress = Arc::new(Progress::default());
        let mut open = self.0.open();
        let number = open.next_number;
        open.next_number = number.wrapping_add(1);
        open.all.insert(number, progress.clone());
        OpenConnection { progress, number, pool: self.0.clone(), _place: place }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.0.places.clone().try_acquire_owned() {
            return Some(place);
        }
        loop {
            self.close_one();
            // If there was none to close, there may be one by now.
            if let Ok(place) = timeout(RETRY_EVERY, self.0.places.clone().acquire_owned()).await {
                return place.ok();
            }
        }
    }

    fn close_one(&self) {
        let open = self.0.open();
        let waiting = open.all.values().filter_map(|progress| Some((progress.waiting_since()?, progress)));
        if let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) {
            longest.close();
        }
    }
}

impl Pool {
    /// Never held across an await, and nothing panics while it is.
    fn open(&self) -> MutexGuard<'_, OpenMembers> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.pool.open().all.remove(&self.number);
    }
}
