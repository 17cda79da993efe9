//! Counting under idempotency keys.
//!
//! A counter's total has two parts. One is a cell that any post without a key increments, and that this crate never
//! sees. The other is the sum of the posts under keys, which is kept here with the outcome of each key. Like a
//! wallet, a tally keeps its newest posts in one value, and [`Tally::seal`] moves the oldest to the index.

use serde::{Deserialize, Serialize};

use crate::{Corrupt, IdempotencyKey};

/// The value keeps at most this many posts: with the longest keys it stays under 8 KB.
const MAX_LOG_LENGTH: usize = 11;
/// How many posts leave together.
const SEALED_AT_ONCE: usize = 8;
/// What follows the newest post's total in the stored form.
const TAIL: &[u8] = b"}]}";
/// The version of the stored form.
const VERSION: u8 = 1;

/// The keyed part of a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    base: i64,
    sum: i64,
    log: Vec<Post>,
    indexed: u64,
}

/// The outcome of a post under an idempotency key. It never changes once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its key.
    pub key: IdempotencyKey,
    /// How much it asked to add.
    pub by: i64,
    /// The request that made it, to tell it from a different request under the same key.
    pub request: String,
    /// The total after it; `None` if the post was refused because the total would have passed the limit.
    pub total: Option<i64>,
}

/// The stored forms of a tally with one more post, whose total only the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The stored form up to the digits of the total.
    pub head: Vec<u8>,
    /// What stands behind them.
    pub tail: Vec<u8>,
    /// The stored form if the post is refused, because the total would pass its limit.
    pub refused: Vec<u8>,
    /// The sum including the post: the total without the cell.
    pub sum: i64,
    /// The posts that have left the log, as in [`Tally::seal`].
    pub sealed: Vec<Post>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TallyDocument {
    v: u8,
    base: i64,
    sum: i64,
    indexed: u64,
    log: Vec<PostDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostDocument {
    key: String,
    by: i64,
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

impl Tally {
    /// Nothing was counted under a key yet.
    #[must_use]
    pub fn new() -> Self {
        Self { base: 0, sum: 0, log: Vec::new(), indexed: 0 }
    }

    /// The sum of all posts under keys.
    #[must_use]
    pub fn sum(&self) -> i64 {
        self.sum
    }

    /// The sum of the posts that have left for the index.
    #[must_use]
    pub fn base(&self) -> i64 {
        self.base
    }

    /// The posts that have not left, oldest first.
    #[must_use]
    pub fn log(&self) -> &[Post] {
        &self.log
    }

    /// How many keys have left for the index; while it is 0 there is nothing to look up.
    #[must_use]
    pub fn indexed(&self) -> u64 {
        self.indexed
    }

    /// The outcome of `key`, as far as this value knows.
    #[must_use]
    pub fn find(&self, key: &IdempotencyKey) -> Option<&Post> {
        self.log.iter().find(|post| post.key == *key)
    }

    /// Counts `by` under a new `key`, where the cell holds `cell`, unless the total would pass `limit`.
    pub fn count(&mut self, key: IdempotencyKey, by: i64, request: String, cell: i64, limit: i64) -> Post {
        let sum = self.sum.checked_add(by);
        let total = sum.and_then(|sum| sum.checked_add(cell)).filter(|total| *total <= limit);
        if let (Some(sum), Some(_)) = (sum, total) {
            self.sum = sum;
        }
        let post = Post { key, by, request, total };
        self.log.push(post.clone());
        post
    }

    /// Counts `by` under a new `key`, where only the store knows the cell; `None` if the sum would overflow whatever
    /// the cell is.
    #[must_use]
    pub fn draft(&self, key: IdempotencyKey, by: i64, request: String) -> Option<Draft> {
        let sum = self.sum.checked_add(by)?;
        let (mut counted, mut refused) = (self.clone(), self.clone());
        counted.sum = sum;
        counted.log.push(Post { key: key.clone(), by, request: request.clone(), total: Some(sum) });
        refused.log.push(Post { key, by, request, total: None });
        let (sealed, _) = (counted.seal(), refused.seal());
        // The newest post is last, and the total is its last member.
        let mut head = counted.encode();
        let digits = sum.to_string().len();
        let place = head.len().saturating_sub(TAIL.len()).saturating_sub(digits);
        head.truncate(place);
        Some(Draft { head, tail: TAIL.to_vec(), refused: refused.encode(), sum, sealed })
    }

    /// Takes the oldest posts out of a log that is too long. They must be stored in the index before this value is.
    pub fn seal(&mut self) -> Vec<Post> {
        if self.log.len() <= MAX_LOG_LENGTH {
            return Vec::new();
        }
        let kept = self.log.split_off(SEALED_AT_ONCE);
        let sealed = std::mem::replace(&mut self.log, kept);
        self.base = sealed.iter().map(Post::added).fold(self.base, i64::saturating_add);
        self.indexed = self.indexed.saturating_add(SEALED_AT_ONCE as u64);
        sealed
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { base, sum, log, indexed } = self;
        let log = log.iter().map(PostDocument::from).collect();
        write(&TallyDocument { v: VERSION, base: *base, sum: *sum, indexed: *indexed, log })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no tally or its posts do not add up.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let TallyDocument { v, base, sum, indexed, log } =
            serde_json::from_slice(bytes).map_err(|_| Corrupt("a tally is not of its form"))?;
        let log = log.into_iter().map(Post::try_from).collect::<Result<Vec<_>, _>>()?;
        let added = log.iter().map(Post::added).try_fold(base, i64::checked_add);
        if v != VERSION || added != Some(sum) {
            return Err(Corrupt("the posts do not lead to the stored sum"));
        }
        Ok(Self { base, sum, log, indexed })
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Post {
    fn added(&self) -> i64 {
        if self.total.is_some() { self.by } else { 0 }
    }

    /// The stored form, for the index.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        write(&PostDocument::from(self))
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no post.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let document: PostDocument =
            serde_json::from_slice(bytes).map_err(|_| Corrupt("a post is not of its form"))?;
        document.try_into()
    }
}

impl From<&Post> for PostDocument {
    fn from(post: &Post) -> Self {
        let Post { key, by, request, total } = post;
        Self { key: key.as_str().to_owned(), by: *by, request: request.clone(), total: *total }
    }
}

impl TryFrom<PostDocument> for Post {
    type Error = Corrupt;

    fn try_from(document: PostDocument) -> Result<Self, Corrupt> {
        let PostDocument { key, by, request, total } = document;
        let key = key.parse().map_err(|_| Corrupt("an idempotency key is malformed"))?;
        Ok(Self { key, by, request, total })
    }
}

fn write(document: &impl Serialize) -> Vec<u8> {
    // Strings and numbers only: serde_json cannot fail on them.
    serde_json::to_vec(document).unwrap_or_default()
}

#[cfg(test)]
mod tests;
