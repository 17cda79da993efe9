//! A batcher for each key, which exists as long as a request uses it.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use crate::{Batcher, Job, Missed, Processed, TimedRequest, run};

/// Batchers by key, each with its state. Requests on different keys do not wait for one another.
pub struct Batchers<K, J, A, S = ()>(Rc<Map<K, Batcher<J, A, S>>>);

/// A sorted list. A tree would be 4 KB in a component, for a few batchers at a time.
type Map<K, V> = RefCell<Vec<(K, Rc<V>)>>;

impl<K: Ord, J, A, S> Default for Batchers<K, J, A, S> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<K: Ord + Clone, J, A, S> Batchers<K, J, A, S> {
    /// Gets `job` done at the batcher of `key`; see [`Batcher::run`].
    ///
    /// # Errors
    ///
    /// [`Missed`].
    pub async fn run<R, P: Into<Processed<J, A>> + 'static>(
        &self,
        key: &K,
        job: J,
        request: &R,
        process: impl AsyncFnOnce(Vec<Job<J>>, R, &mut S) -> P + Clone + 'static,
    ) -> Result<A, Missed>
    where
        K: 'static,
        J: 'static,
        A: 'static,
        S: Default + 'static,
        R: TimedRequest + 'static,
    {
        let batcher = self.at(key);
        let handle = Handle(Rc::new(Used { batchers: Rc::clone(&self.0), key: key.clone(), batcher }));
        run(&handle, job, request, process).await
    }

    fn at(&self, key: &K) -> Rc<Batcher<J, A, S>>
    where
        S: Default,
    {
        let mut batchers = self.0.borrow_mut();
        let index = batchers.binary_search_by(|(known, _)| known.cmp(key)).unwrap_or_else(|index| {
            batchers.insert(index, (key.clone(), Rc::default()));
            index
        });
        batchers.get(index).map(|(_, batcher)| Rc::clone(batcher)).unwrap_or_default()
    }

    /// Whether no request uses any.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// Keeps a batcher alive for a request, and for a batch that goes on after its request was answered.
struct Handle<K: Ord, J, A, S>(Rc<Used<K, J, A, S>>);

/// The last handle to be dropped removes the batcher.
struct Used<K: Ord, J, A, S> {
    batchers: Rc<Map<K, Batcher<J, A, S>>>,
    key: K,
    batcher: Rc<Batcher<J, A, S>>,
}

impl<K: Ord, J, A, S> Clone for Handle<K, J, A, S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<K: Ord, J, A, S> Deref for Handle<K, J, A, S> {
    type Target = Batcher<J, A, S>;

    fn deref(&self) -> &Self::Target {
        &self.0.batcher
    }
}

impl<K: Ord, J, A, S> Drop for Used<K, J, A, S> {
    fn drop(&mut self) {
        // The map holds one `Rc`, this handle the other.
        if Rc::strong_count(&self.batcher) <= 2 {
            let mut batchers = self.batchers.borrow_mut();
            if let Ok(index) = batchers.binary_search_by(|(known, _)| known.cmp(&self.key)) {
                batchers.remove(index);
            }
        }
    }
}
