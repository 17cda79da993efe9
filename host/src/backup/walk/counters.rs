//! Counters, and the outcomes of their idempotency keys.

use super::super::sorted::{Scratch, Sorted};
use super::super::store::Stored;
use super::refusals::{ExpectedInIndex, KeysByOwner};
use super::state::Walk;
use anyhow::Context as _;
use backup::Line;
use backup::line::{Count, Tag};
use ledger::{Post, Tally};

impl Walk<'_> {
    /// Writes these counters. For each that has posts in the index it notes their sum, their number, and the total
    /// that they stay below.
    pub(super) fn counters(&mut self, mut tags: Sorted) -> anyhow::Result<Scratch> {
        let mut expected = Scratch::new()?;
        while let Some(tag) = tags.next()? {
            let tag = Tag::new(str::from_utf8(&tag)?).context("a counter's name was changed")?;
            match self.counter(&tag)? {
                Ok(count) => {
                    if let Some(posts) = count.posts.as_ref().filter(|posts| posts.indexed() > 0) {
                        let (base, indexed, below) =
                            (posts.base(), posts.indexed(), below(posts, count.cell));
                        expected.push(format_args!("{} {base} {indexed} {below}", tag.as_str()))?;
                    }
                    self.emit(&Line::Counter(tag, count))?;
                }
                Err(what) => self.report_broken(&format!("the counter {}: {what}", tag.as_str()))?,
            }
            self.report_progress();
        }
        Ok(expected)
    }

    /// Both parts of a counter, as of one moment.
    fn counter(&mut self, tag: &Tag) -> anyhow::Result<Result<Count, String>> {
        let counter = tag.keys();
        let opening = counter.posts();
        let empty = Tally::new().encode();
        let keys = [opening.plain().to_string(), opening.election().to_string(), counter.cell().to_string()];
        let [mut posts, elected, mut cell] = self.read_at_once(keys)?;
        let elected = elected.and_then(|held| self.store.number(&held)).filter(|ticket| *ticket != 0);
        let is_elsewhere = posts.as_ref().is_none_or(|posts| *posts == empty);
        match elected {
            Some(ticket) if is_elsewhere => {
                let keys = [opening.of_ticket(ticket).to_string(), counter.cell().to_string()];
                [posts, cell] = self.read_at_once(keys)?;
                if posts.is_none() {
                    return Ok(Err("its posts were opened, and are gone".to_owned()));
                }
            }
            None if is_elsewhere => posts = None,
            _ => {}
        }
        let cell = match cell.map(|held| self.store.number(&held)) {
            Some(None) => return Ok(Err("its cell is no number".to_owned())),
            Some(Some(cell)) => cell,
            None => 0,
        };
        let posts = posts.map(|posts| Tally::decode(&posts)).transpose();
        Ok(posts.map(|posts| Count { cell, posts }).map_err(|corrupt| corrupt.to_string()))
    }

    fn read_at_once<const N: usize>(&mut self, keys: [String; N]) -> anyhow::Result<[Stored; N]> {
        let held = self.store.get_at_once(&keys)?;
        held.try_into().ok().context("the store did not answer for each key")
    }

    /// Writes the posts in the index that belonged to the counters when these were read.
    pub(super) fn posts(&mut self, posts: Sorted, expected: Scratch) -> anyhow::Result<()> {
        let (mut posts, mut expected) = (KeysByOwner::of(posts), ExpectedInIndex::of(expected)?);
        loop {
            let owner = posts.owner()?;
            let (without, expected) = expected.up_to(owner.as_deref())?;
            for (tag, _) in without {
                self.report_broken(&format!("the counter {tag}: its index is gone"))?;
            }
            let Some(owner) = owner else { return Ok(()) };
            let tag = Tag::new(&owner).context("a counter's name was changed")?;
            let expected: Vec<i64> = expected
                .as_deref()
                .unwrap_or_default()
                .split(' ')
                .filter_map(|part| part.parse().ok())
                .collect();
            let mut found = (0_i64, 0_i64);
            loop {
                let some = posts.keys(&owner)?;
                if some.is_empty() {
                    break;
                }
                // If the counter had none in the index, all of these have come since.
                if let [_, _, below] = expected[..] {
                    self.write_posts(&tag, &some, below, &mut found)?;
                }
                self.report_progress();
            }
            if let [base, indexed, _] = expected[..]
                && (found.0 != base || found.1 < indexed)
            {
                self.report_broken(&format!(
                    "the counter {owner}: its index does not add up to what it holds"
                ))?;
            }
        }
    }

    fn write_posts(
        &mut self,
        tag: &Tag,
        some: &[String],
        below: i64,
        found: &mut (i64, i64),
    ) -> anyhow::Result<()> {
        let counter = tag.keys();
        let keys: Vec<String> = some.iter().map(|key| counter.post(key).to_string()).collect();
        for (key, stored) in some.iter().zip(self.store.get(&keys)?) {
            let Some(stored) = stored else { continue };
            let post = match Post::decode(&stored) {
                Ok(post) if post.key.as_str() == key => post,
                Ok(_) | Err(_) => {
                    self.report_broken(&format!(
                        "the counter {}: a post of its index is not as it was",
                        tag.as_str()
                    ))?;
                    continue;
                }
            };
            // A post that has come since the counter was read. A refused post has no total, and is never counted.
            if post.total.is_some_and(|total| total >= below) {
                continue;
            }
            found.0 = found.0.saturating_add(post.total.map_or(0, |_| post.by));
            found.1 = found.1.saturating_add(1);
            self.emit(&Line::Post(tag.clone(), post))?;
        }
        Ok(())
    }
}

/// The total that all posts in the index are below, and no other post is: totals grow from one post to the next
/// ([`teller::tally`]).
fn below(posts: &Tally, cell: i64) -> i64 {
    let oldest = posts.log().iter().find_map(|post| post.total);
    oldest.unwrap_or_else(|| posts.sum().saturating_add(cell).saturating_add(1))
}
