//! Totals are exact: posts with and without keys on one counter, at the same time, on three processes.
//!
//! Each answer is the total right after its post. So the answers form one sequence from zero to the last total, in
//! an order that contradicts no client's clock, and every read is on that sequence. For a counter that is all of
//! linearizability.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::names::fresh;
use crate::prove::deployment::Deployment;
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use std::fmt;
use std::time::Instant;

const CLIENTS: usize = 9;
const ROUNDS: usize = 40;

/// A request and its answer.
struct Exchange {
    began: Instant,
    ended: Instant,
    /// What it added; 0 for a read.
    by: i64,
    total: i64,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one that added {} and was answered {}", self.by, self.total)
    }
}

/// Lets each client post and read [`ROUNDS`] times, and checks the totals in the answers.
pub async fn run(deployment: &Deployment) -> anyhow::Result<()> {
    let (bank, path) = (deployment.client(), format!("/v1/counters/{}", fresh("exact")));
    let clients = (0..CLIENTS).map(|client| client_of(&bank, &path, client));
    judge(try_join_all(clients).await?.into_iter().flatten().collect())
}

/// A third of them post under keys, a third without, a third reads.
async fn client_of(bank: &Bank, path: &str, client: usize) -> anyhow::Result<Vec<Exchange>> {
    let mut done = Vec::new();
    for round in 0..ROUNDS {
        let by = i64::try_from(1 + (client * ROUNDS + round) % 97)?;
        let (began, post) = (Instant::now(), bank.post(format!("{path}?by={by}")));
        let (by, answer) = match client % 3 {
            0 => (by, post.idempotency_key(format!("k{client}-{round}")).await),
            1 => (by, post.await),
            _ => (0, bank.get(path).await),
        };
        done.push(Exchange { began, ended: Instant::now(), by, total: total(&answer)? });
    }
    Ok(done)
}

fn total(answer: &Answer) -> anyhow::Result<i64> {
    ensure!(answer.status == 200, "{answer}");
    answer.json::<serde_json::Value>()["value"].as_i64().context("a value")
}

/// Puts the requests into the only order that the totals allow, and checks whether that order is possible.
fn judge(mut done: Vec<Exchange>) -> anyhow::Result<()> {
    // A read comes after the post whose total it saw.
    done.sort_by_key(|one| (one.total, one.by == 0, one.began));
    let (mut total, mut latest) = (0, None);
    for one in &done {
        ensure!(one.total - one.by == total, "the total was {total}, then {one}");
        total = one.total;
        ensure!(latest <= Some(one.ended), "{one} had ended before what it follows began");
        latest = latest.max(Some(one.began));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Exchange, judge};
    use std::time::{Duration, Instant};

    /// For each request: when it began and ended, what it added and which total it got.
    fn could_be(requests: &[(u64, u64, i64, i64)]) -> bool {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let done =
            |&(began, ended, by, total): &_| Exchange { began: at(began), ended: at(ended), by, total };
        judge(requests.iter().map(done).collect()).is_ok()
    }

    #[test]
    fn requests_at_the_same_time_may_come_in_any_order() {
        assert!(could_be(&[(0, 9, 3, 8), (1, 8, 5, 5), (2, 9, 0, 5), (3, 3, 0, 0)]));
    }

    #[test]
    fn two_posts_never_have_the_same_total_and_none_is_left_out() {
        assert!(!could_be(&[(0, 9, 3, 8), (0, 9, 5, 8)]));
        assert!(!could_be(&[(0, 9, 3, 3), (0, 9, 5, 9)]));
    }

    #[test]
    fn a_read_sees_a_total_that_was_there() {
        assert!(!could_be(&[(0, 9, 3, 3), (0, 9, 5, 8), (0, 9, 0, 5)]));
        assert!(!could_be(&[(0, 1, 3, 3), (2, 3, 0, 0)]));
    }

    #[test]
    fn what_ended_first_came_first() {
        assert!(!could_be(&[(0, 1, 5, 8), (2, 3, 3, 3)]));
        assert!(could_be(&[(0, 1, 5, 5), (2, 3, 3, 8)]));
    }
}
