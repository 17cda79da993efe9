//! A line for each key; a key's line is there as long as somebody stands in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::Line;

/// Lines by key. What is left in one goes with it. Those at different keys do not wait for one another.
pub struct Lines<K, J, A, L = ()>(Map<K, Line<J, A, L>>);

type Map<K, V> = RefCell<BTreeMap<K, Rc<V>>>;

impl<K: Ord + Clone, J, A, L> Default for Lines<K, J, A, L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Clone, J, A, L> Lines<K, J, A, L> {
    /// Nobody is anywhere.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(BTreeMap::new()))
    }

    /// Gets `job` done at `key`; see [`Line::go`].
    pub async fn go(&self, key: &K, job: J, together: impl AsyncFnOnce(Vec<J>, &mut L) -> Vec<A>) -> Option<A>
    where
        L: Default,
    {
        let line = self.0.borrow_mut().entry(key.clone()).or_default().clone();
        let at = At { lines: self, key, line };
        at.line.go(job, together).await
    }

    /// Whether nobody is anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// One request at one line. The last to go takes the line away.
struct At<'a, K: Ord + Clone, J, A, L> {
    lines: &'a Lines<K, J, A, L>,
    key: &'a K,
    line: Rc<Line<J, A, L>>,
}

impl<K: Ord + Clone, J, A, L> Drop for At<'_, K, J, A, L> {
    fn drop(&mut self) {
        // The map has one, this has one.
        if Rc::strong_count(&self.line) <= 2 {
            self.lines.0.borrow_mut().remove(self.key);
        }
    }
}
