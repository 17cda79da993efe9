//! What has happened to a counter.

use std::collections::BTreeMap;

use ledger::Post;

use crate::call::hash_of;

/// The truth about a counter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// Its name.
    pub counter: String,
    /// The largest total that was asked for.
    pub limit: i64,
    /// The sum of all increments of its cell.
    pub cell: i64,
    /// What every key became.
    pub posts: BTreeMap<String, Post>,
    /// The first answer under every key.
    pub firsts: BTreeMap<String, Option<i64>>,
    /// What callers were told was added.
    pub acknowledged: i64,
    /// A request ended without an answer: whether its part was added is in doubt.
    pub doubt: bool,
    pub(super) facts: u64,
}

impl Meter {
    /// A counter that nobody has touched.
    pub(crate) fn new(counter: &str) -> Self {
        Self {
            counter: counter.to_owned(),
            limit: 0,
            cell: 0,
            posts: BTreeMap::new(),
            firsts: BTreeMap::new(),
            acknowledged: 0,
            doubt: false,
            facts: 0,
        }
    }

    /// Goes back to the state `then`. What was answered since is kept.
    pub(crate) fn fall_back(&mut self, then: Self) {
        self.cell = then.cell;
        self.posts = then.posts;
    }

    /// The sum of the posts under keys.
    #[must_use]
    pub fn keyed(&self) -> i64 {
        self.posts.values().filter(|post| post.total.is_some()).map(|post| post.by).sum()
    }

    /// The total.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.cell.saturating_add(self.keyed())
    }

    /// Records an increment of its cell.
    pub(crate) fn count(&mut self, delta: i64) {
        self.cell = self.cell.wrapping_add(delta);
        self.facts ^= hash_of(&("cell", self.cell));
    }

    /// Records what a key became.
    pub(crate) fn post(&mut self, post: &Post) {
        if self.posts.insert(post.key.as_str().to_owned(), post.clone()).is_none() {
            self.facts ^= hash_of(&("post", post.encode()));
        }
    }

    /// Records that a caller was told that this was added. If each call stands alone, a post with a key and one
    /// without may pass the largest number together; the bank's total stays there.
    pub(crate) fn acknowledge(&mut self, by: i64) {
        self.acknowledged = self.acknowledged.saturating_add(by);
        self.facts ^= hash_of(&("acknowledged", self.acknowledged));
    }

    /// Records an answer under `key`.
    pub(crate) fn answered(&mut self, key: &str, by: i64, total: Option<i64>) {
        if self.firsts.insert(key.to_owned(), total).is_none() {
            self.facts ^= hash_of(&("first", key, total));
            self.acknowledge(total.map_or(0, |_| by));
        }
    }
}
