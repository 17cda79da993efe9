//! The events that invariants look at.

use ledger::{Entry, Post, Tally, Wallet};
use store::Unavailable;
use store::breaker::BreakerState;

use crate::call::Call;
use crate::cluster::SentOn;
use crate::disk::Written;
use crate::model::{Account, Meter, Model};
use crate::task::{Answer, Task};

/// Something that was seen to happen.
#[derive(Debug)]
pub enum Event<'a> {
    /// A write has taken effect.
    Written(&'a Written),
    /// A reader finds this wallet, where it found another one before.
    Shown(&'a Account, &'a Wallet),
    /// An entry came to be.
    Posted(&'a Account, &'a Entry),
    /// A reader finds these keyed posts.
    Tallied(&'a Meter, &'a Tally),
    /// A failover has left this of a wallet.
    FellBack(&'a Account),
    /// A failover has left this of a counter.
    CountedLess(&'a Meter),
    /// A script has just kept this post under a key.
    Kept(&'a Meter, &'a Post),
    /// A request has ended.
    Ended(&'a Model, &'a Ended<'a>),
    /// An instance has done what it had to do, and perhaps sent something.
    Sent(&'a Sending),
    /// A request has ended, and perhaps without an answer of the store.
    Unanswered {
        /// What was asked.
        task: &'a Task,
        /// What its caller knows, where the store did not answer.
        unavailable: Option<Unavailable>,
        /// A call that may have carried it out was sent.
        sent: bool,
        /// Only another request's deadline has passed.
        of_others: bool,
    },
    /// A call was made that no deadline can end.
    Unbound {
        /// The call.
        call: &'a Call,
        /// The store has answered its request, and nothing was missed in the instance since.
        answered: bool,
    },
    /// A call was made.
    Asked {
        /// The call.
        call: &'a Call,
        /// Where its instance was just sent.
        told: Option<&'a SentOn>,
        /// The instance knows that this is a cluster.
        knows: bool,
    },
    /// A deadline has passed.
    Late {
        /// Its request still waits for something that it need not wait for.
        waits: bool,
    },
    /// An instance waits until the store answers.
    Settled {
        /// Requests are under way.
        busy: bool,
        /// Calls wait for an answer.
        waits: bool,
    },
}

/// A request that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was asked.
    pub task: &'a Task,
    /// What was answered.
    pub answer: &'a Answer,
    /// The state of the wallet, or the acknowledged part of the counter, when the request began.
    pub began: i64,
    /// Which of its operations a write of the request carried out, one bit for each.
    pub moved: u64,
    /// The sum of the request's increments of a counter's cell.
    pub net: i64,
    /// The totals that the counter has had since a post without a key took effect; of one that a script has
    /// added, the one right after it.
    pub totals: &'a [i64],
}

/// What an instance sent, when something happened to it.
#[derive(Debug)]
pub struct Sending {
    /// What its breaker let through before.
    pub before: BreakerState,
    /// What happened was an answer of the store, which may have closed it.
    pub answered: bool,
    /// How many calls it sent.
    pub sent: usize,
    /// How many calls wait for an answer that were sent while the breaker was half-open.
    pub probes: usize,
    /// Of how many of its requests in a row a deadline has ended a call.
    pub missed: u32,
    /// How many calls those were.
    pub ended: u32,
    /// What its breaker lets through now.
    pub after: BreakerState,
}
