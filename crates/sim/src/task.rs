//! What a caller asks of the bank, and how the bank's own code answers.
//!
//! [`perform`] is a component without HTTP: it opens the store once for each request, with a deadline of its own,
//! and calls `teller`. Requests on one wallet in one instance are batched ([`Queues`]).

use batch::{Job, TimedRequest};
use ledger::{Entry, Mark, Operation, OperationId, Outcome, User};
use store::{Store, Unavailable, keys};
use teller::batch::WalletBatches;
use teller::operation::{LastKnown, carry_out_all};
use teller::tally::{self, KeyedPost};
use teller::{Error, history};

/// Where the requests at one instance are batched.
#[derive(Default)]
pub struct Queues {
    /// The bank's own.
    pub wallets: WalletBatches,
    /// That of [`crate::planted::Bug::TellsFollowersUntouched`].
    pub careless:
        batch::Batchers<User, Operation, Result<teller::operation::OperationAnswer, Error>, LastKnown>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A deposit or a withdrawal; or several, as a batch.
    Operate(User, Vec<Operation>),
    /// Pages of history, one after the other, each a request of its own.
    Walk {
        /// Whose.
        user: User,
        /// Where to begin; at the newest entry without it.
        before: Option<u64>,
        /// How many entries a page has.
        limit: usize,
        /// How many pages at most.
        pages: usize,
    },
    /// The state of a wallet after an entry.
    Past(User, u64),
    /// A post without an idempotency key to the counter of this name.
    Count {
        /// The counter.
        counter: String,
        /// How much.
        by: i64,
        /// The largest total.
        limit: i64,
    },
    /// A post under a key.
    CountOnce {
        /// The counter.
        counter: String,
        /// Key and amount.
        post: KeyedPost,
        /// The largest total.
        limit: i64,
    },
    /// The total of a counter.
    Total(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Operate`: one for each.
    Operated(Vec<Result<teller::operation::OperationAnswer, Error>>),
    /// To `Walk`: all entries, in the order in which they were shown, and whether that was the end.
    Walked(Result<(Vec<Entry>, bool), Error>),
    /// To `Past`.
    Stood(Result<Option<Mark>, Error>),
    /// To `Count` and `CountOnce`.
    Counted(Result<tally::PostAnswer, Error>),
    /// To `Total`.
    Totalled(Result<i64, Error>),
}

/// Answers `task` as the components do. `open` opens the store for one request.
pub async fn perform<S: Store + TimedRequest + 'static>(
    open: impl Fn() -> S,
    batchers: &Queues,
    task: &Task,
) -> Answer {
    match task {
        Task::Operate(user, operations) if let [operation] = &operations[..] => {
            Answer::Operated(vec![batchers.wallets.carry_out(&open(), user, operation.clone()).await])
        }
        Task::Operate(user, operations) => {
            let jobs: Vec<_> = operations.iter().cloned().map(Job::new).collect();
            Answer::Operated(carry_out_all(&open(), user, &jobs, &mut LastKnown::default()).await)
        }
        Task::Walk { user, before, limit, pages } => {
            Answer::Walked(walk(open, user, *before, *limit, *pages).await)
        }
        Task::Past(user, seq) => Answer::Stood(history::at(&open(), user, *seq).await),
        Task::Count { counter, by, limit } => {
            Answer::Counted(tally::add(&open(), &keys::counter(counter), *by, *limit).await)
        }
        Task::CountOnce { counter, post, limit } => {
            Answer::Counted(tally::add_once(&open(), &keys::counter(counter), post, *limit).await)
        }
        Task::Total(counter) => Answer::Totalled(tally::total(&open(), &keys::counter(counter)).await),
    }
}

async fn walk<S: Store>(
    open: impl Fn() -> S,
    user: &User,
    mut before: Option<u64>,
    limit: usize,
    pages: usize,
) -> Result<(Vec<Entry>, bool), Error> {
    let mut shown = Vec::new();
    for _ in 0..pages {
        let page = history::entries(&open(), user, before, limit).await?;
        shown.extend(page.entries);
        before = page.next;
        if before.is_none() {
            return Ok((shown, true));
        }
    }
    Ok((shown, false))
}

impl Task {
    /// Its post under a key to this counter, if it is one.
    #[must_use]
    pub fn posted(&self, counter: &str) -> Option<&KeyedPost> {
        match self {
            Self::CountOnce { counter: to, post, .. } if to == counter => Some(post),
            _ => None,
        }
    }

    /// How many operations that is.
    #[must_use]
    pub fn operations(&self) -> u64 {
        match self {
            Self::Operate(_, operations) => operations.len() as u64,
            _ => 1,
        }
    }

    /// Whether callers may retry if they did not learn the outcome: all operations have a key.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        match self {
            Self::Operate(_, operations) => operations.iter().all(|operation| operation.id.key().is_some()),
            Self::CountOnce { .. } => true,
            _ => false,
        }
    }
}

impl Answer {
    /// Why the store gave no answer, if it gave none; of several answers, the worst reason.
    #[must_use]
    pub fn unavailable(&self) -> Option<Unavailable> {
        let reason = |error: &Error| match error {
            Error::Unavailable(unavailable) => Some(*unavailable),
            _ => None,
        };
        match self {
            Self::Operated(answers) => {
                let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
                errors.filter_map(reason).max_by_key(|unavailable| *unavailable == Unavailable::Unknown)
            }
            other => other.error().and_then(reason),
        }
    }

    /// The same, with another reason why the store gave no answer.
    #[must_use]
    pub fn because(self, reason: Unavailable) -> Self {
        match self {
            Self::Operated(answers) => Self::Operated(
                answers
                    .into_iter()
                    .map(|answer| match answer {
                        Err(Error::Unavailable(_)) => Err(reason.into()),
                        answer => answer,
                    })
                    .collect(),
            ),
            Self::Walked(_) => Self::Walked(Err(reason.into())),
            Self::Stood(_) => Self::Stood(Err(reason.into())),
            Self::Counted(_) => Self::Counted(Err(reason.into())),
            Self::Totalled(_) => Self::Totalled(Err(reason.into())),
        }
    }

    /// Whether it only tells what was stored at that moment; also that a page was missing which the wallet, as it was
    /// read before, says is there.
    #[must_use]
    pub fn is_of_a_moment(&self) -> bool {
        if matches!(self.error(), Some(Error::Corrupt { .. })) {
            return true;
        }
        match self {
            Self::Operated(answers) => answers.iter().flatten().any(|answer| !answer.outcome.is_remembered()),
            Self::Counted(Ok(answer)) => answer.total.is_none(),
            Self::Counted(Err(_)) => false,
            Self::Walked(_) | Self::Stood(_) | Self::Totalled(_) => true,
        }
    }

    /// The operations of which it says that nothing happened, one bit for each.
    #[must_use]
    pub fn untouched(&self) -> u64 {
        const UNTOUCHED: Error = Error::Unavailable(Unavailable::Untouched);
        let mask = |mask, untouched| mask << 1 | u64::from(untouched);
        match self {
            Self::Operated(answers) => {
                answers.iter().rev().map(|answer| *answer == Err(UNTOUCHED)).fold(0, mask)
            }
            other => u64::from(other.error() == Some(&UNTOUCHED)),
        }
    }

    /// Why there is no answer; of several, the first.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Operated(answers) => answers.iter().find_map(|answer| answer.as_ref().err()),
            Self::Walked(answer) => answer.as_ref().err(),
            Self::Stood(answer) => answer.as_ref().err(),
            Self::Counted(answer) => answer.as_ref().err(),
            Self::Totalled(answer) => answer.as_ref().err(),
        }
    }
}

/// An id as one word. A key and an id that the server made never look the same.
#[must_use]
pub fn label(id: &OperationId) -> String {
    match id {
        OperationId::Keyed(key) => format!("key {}", key.as_str()),
        OperationId::Made(id) => format!("made {id}"),
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operate(user, operations) => {
                let one = |Operation { id, kind, amount, .. }: &Operation| {
                    format!("{} {amount} for {user}, {}", kind.as_str(), shorten(&label(id)))
                };
                f.write_str(&operations.iter().map(one).collect::<Vec<_>>().join("; "))
            }
            Self::Walk { user, before, limit, pages } => {
                write!(f, "history of {user}, {pages} pages of {limit}, before {before:?}")
            }
            Self::Past(user, seq) => write!(f, "where {user} stood after entry {seq}"),
            Self::Count { counter, by, .. } => write!(f, "count {by} on {counter}"),
            Self::CountOnce { counter, post, .. } => {
                write!(f, "count {} on {counter}, key {}", post.by, shorten(post.key.as_str()))
            }
            Self::Total(counter) => write!(f, "total of {counter}"),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operated(answers) => {
                f.write_str(&answers.iter().map(operated).collect::<Vec<_>>().join("; "))
            }
            Self::Walked(Ok((shown, end))) => {
                let seqs: Vec<u64> = shown.iter().map(|entry| entry.seq).collect();
                write!(f, "entries {seqs:?}{}", if *end { ", the end" } else { "" })
            }
            other => match other.error() {
                Some(error) => write!(f, "{error}"),
                None => write!(f, "{other:?}"),
            },
        }
    }
}

fn operated(answer: &Result<teller::operation::OperationAnswer, Error>) -> String {
    match answer {
        Err(error) => error.to_string(),
        Ok(teller::operation::OperationAnswer { outcome, replayed }) => {
            let replayed = if *replayed { " (replayed)" } else { "" };
            match outcome {
                Outcome::Posted(entry) => {
                    format!("entry {}, balance {}{replayed}", entry.seq, entry.balance)
                }
                Outcome::Refused(refused) => {
                    format!("{}, balance {}{replayed}", refused.refusal.as_str(), refused.balance)
                }
            }
        }
    }
}

/// Long keys, cut for the eye.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((place, _)) => format!("{}…", text.get(..place).unwrap_or(text)),
        None => text.to_owned(),
    }
}
