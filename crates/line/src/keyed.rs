//! A line for each key; a key's line is there as long as somebody stands in it.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use crate::{Deadline, Job, Line, Missed, Round, go};

/// Lines by key. What is left in one goes with it. Those at different keys do not wait for one another.
pub struct Lines<K, J, A, L = ()>(Rc<Map<K, Line<J, A, L>>>);

/// In the order of the keys. A tree would be 4 KB in a component, for a few lines at a time.
type Map<K, V> = RefCell<Vec<(K, Rc<V>)>>;

impl<K: Ord, J, A, L> Default for Lines<K, J, A, L> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<K: Ord + Clone, J, A, L> Lines<K, J, A, L> {
    /// Gets `job` done at `key`; see [`Line::go`].
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn go<R, W: Into<Round<J, A>> + 'static>(
        &self,
        key: &K,
        job: J,
        request: &R,
        together: impl AsyncFnOnce(Vec<Job<J>>, R, &mut L) -> W + Clone + 'static,
    ) -> Result<A, Missed>
    where
        K: 'static,
        J: 'static,
        A: 'static,
        L: Default + 'static,
        R: Deadline + 'static,
    {
        let line = self.at(key);
        let at = At(Rc::new(Place { lines: Rc::clone(&self.0), key: key.clone(), line }));
        go(&at, job, request, together).await
    }

    fn at(&self, key: &K) -> Rc<Line<J, A, L>>
    where
        L: Default,
    {
        let mut lines = self.0.borrow_mut();
        let place = lines.binary_search_by(|(known, _)| known.cmp(key)).unwrap_or_else(|place| {
            lines.insert(place, (key.clone(), Rc::default()));
            place
        });
        lines.get(place).map(|(_, line)| Rc::clone(line)).unwrap_or_default()
    }

    /// Whether nobody is anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// One request at one line, and what it has left to do for others.
struct At<K: Ord, J, A, L>(Rc<Place<K, J, A, L>>);

/// The last to go takes the line away.
struct Place<K: Ord, J, A, L> {
    lines: Rc<Map<K, Line<J, A, L>>>,
    key: K,
    line: Rc<Line<J, A, L>>,
}

impl<K: Ord, J, A, L> Clone for At<K, J, A, L> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<K: Ord, J, A, L> Deref for At<K, J, A, L> {
    type Target = Line<J, A, L>;

    fn deref(&self) -> &Self::Target {
        &self.0.line
    }
}

impl<K: Ord, J, A, L> Drop for Place<K, J, A, L> {
    fn drop(&mut self) {
        // The map has one, this has one.
        if Rc::strong_count(&self.line) <= 2 {
            let mut lines = self.lines.borrow_mut();
            if let Ok(place) = lines.binary_search_by(|(known, _)| known.cmp(&self.key)) {
                lines.remove(place);
            }
        }
    }
}
