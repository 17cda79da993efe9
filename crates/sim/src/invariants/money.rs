//! Money: entries, sums, hashes, and what callers may rely on.

use ledger::{Operation, OperationKind, Outcome};
use sha2::{Digest, Sha256};
use teller::Error;
use teller::operation::OperationAnswer as Answered;

use super::event::{Ended, Event};
use super::invariant::{invariant, must};
use crate::model::{Account, Asked};
use crate::task::{Answer, Task, label};

/// A sum of money in units of 10^-8, read from its digits: not the arithmetic that is to be proved.
fn units(text: &str) -> i128 {
    let (integer, places) = text.split_once('.').unwrap_or((text, ""));
    format!("{integer}{places:0<8}").parse().unwrap_or(i128::MIN)
}

/// An operation that was answered, with everything that is known about it.
struct Operated<'a> {
    account: &'a Account,
    asked: &'a Asked,
    operation: &'a Operation,
    answer: &'a Result<Answered, Error>,
}

impl Operated<'_> {
    /// The outcome that was answered.
    fn outcome(&self) -> Option<&Outcome> {
        self.answer.as_ref().ok().map(|answer| &answer.outcome)
    }
}

/// All operations of a request that has ended.
fn operated<'a>(seen: &'a Event<'_>) -> impl Iterator<Item = Operated<'a>> {
    let (request, account) = match seen {
        Event::Ended(
            model,
            Ended { task: Task::Operate(user, operations), answer: Answer::Operated(answers), .. },
        ) => (Some((operations, answers)), model.account(user)),
        _ => (None, None),
    };
    let pairs = request.into_iter().flat_map(|(operations, answers)| operations.iter().zip(answers));
    pairs.filter_map(move |(operation, answer)| {
        let asked = account?.asked.get(&label(&operation.id))?;
        Some(Operated { account: account?, asked, operation, answer })
    })
}

/// The balance before an entry that has just come to be.
fn before(account: &Account) -> i128 {
    account.entries.last().map_or(0, |entry| units(&entry.balance.to_string()))
}

invariant! {
    /// No withdrawal takes more than there is.
    NoOverdraft: "no overdraft", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let enough = entry.kind == OperationKind::Deposit || units(&entry.amount.to_string()) <= before(account);
        must(enough && units(&entry.balance.to_string()) >= 0, || {
            format!("entry {} withdraws {} and leaves {}", entry.seq, entry.amount, entry.balance)
        })
    }
}

invariant! {
    /// Every balance is the one before, and the amount.
    TheBalanceIsTheSumOfTheEntries: "the balance is the sum of the entries", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let amount = units(&entry.amount.to_string());
        let sum = before(account) + if entry.kind == OperationKind::Deposit { amount } else { -amount };
        must(units(&entry.balance.to_string()) == sum, || {
            format!("entry {}: balance {}, not {sum} units", entry.seq, entry.balance)
        })
    }
}

invariant! {
    /// They count from 1.
    SequenceNumbersHaveNoGaps: "sequence numbers have no gaps", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let next = account.entries.len() as u64 + 1;
        must(entry.seq == next, || format!("entry {} where {next} was next", entry.seq))
    }
}

invariant! {
    /// Computed here from the contract's words.
    HashesChain: "hashes chain", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let previous = account.entries.last().map_or_else(|| "0".repeat(64), |last| last.hash.to_string());
        let lines = [
            previous,
            entry.seq.to_string(),
            entry.id.as_str().to_owned(),
            entry.kind.as_str().to_owned(),
            entry.amount.to_string(),
            entry.balance.to_string(),
            entry.at.as_str().to_owned(),
        ];
        let hash: String = Sha256::digest(lines.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect();
        must(entry.hash.to_string() == hash, || format!("entry {}: hash {}, not {hash}", entry.seq, entry.hash))
    }
}

invariant! {
    /// However often it was asked for, and whatever was lost.
    EachOperationHappensAtMostOnce: "each operation happens at most once", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let id = label(&entry.id);
        let earlier = account.seqs.get(&id);
        must(earlier.is_none(), || format!("{id} is entry {earlier:?} and entry {}", entry.seq))
    }
}

invariant! {
    /// Nothing comes of itself.
    EachEntryWasAskedFor: "each entry was asked for", seen => {
        let Event::Posted(account, entry) = seen else { return Ok(()) };
        let id = label(&entry.id);
        let asked = account.asked.get(&id).is_some_and(|asked| {
            asked.requests.contains(&(entry.kind, entry.amount))
        });
        must(asked, || format!("entry {} is {} {}, {id}", entry.seq, entry.kind.as_str(), entry.amount))
    }
}

invariant! {
    /// What a reader saw once it sees for ever.
    NoEntryIsEverLost: "no entry is ever lost", seen => {
        let Event::Shown(account, wallet) = seen else { return Ok(()) };
        let (had, has) = (account.entries.len() as u64, wallet.head().seq);
        must(has >= had, || format!("{had} entries have become {has}"))?;
        let changed = wallet.entries().find(|entry| account.entry(entry.seq).is_some_and(|was| was != *entry));
        must(changed.is_none(), || format!("an entry has become another one: {changed:?}"))
    }
}

invariant! {
    /// With at most once: exactly once.
    EachAcknowledgedOperationHappened: "each acknowledged operation happened", seen => {
        operated(seen).try_for_each(|one| {
            let Some(Outcome::Posted(entry)) = one.outcome() else { return Ok(()) };
            let Operated { account, asked, operation, .. } = one;
            let id = label(&operation.id);
            let there = account.entry(entry.seq) == Some(entry);
            must(there, || format!("entry {} was answered to {id} and is not there", entry.seq))?;
            must(entry.id == operation.id && entry.matches(operation), || {
                format!("{} {}, {id}, was answered with entry {entry:?}", operation.kind.as_str(), operation.amount)
            })?;
            must(entry.seq > asked.since, || format!("{id} was answered with entry {}, older than it", entry.seq))
        })
    }
}

invariant! {
    /// A refusal is for ever.
    EachRefusedOperationNeverHappens: "each refused operation never happens", seen => match seen {
        Event::Posted(account, entry) => {
            let id = label(&entry.id);
            let asked = account.asked.get(&id);
            let refused = asked.is_some_and(|asked| matches!(asked.first, Some(Outcome::Refused(_))));
            must(!refused, || format!("{id} was refused, and is entry {}", entry.seq))
        }
        _ => operated(seen).try_for_each(|one| {
            let id = label(&one.operation.id);
            let seq = one.account.seqs.get(&id);
            let refused = matches!(one.outcome(), Some(Outcome::Refused(_)));
            must(!refused || seq.is_none(), || format!("{id} is entry {seq:?}, and was refused"))
        }),
    }
}

invariant! {
    /// At some moment since it was asked for, the rules forbade it.
    RefusalsHaveAReason: "refusals have a reason", seen => {
        operated(seen).try_for_each(|one| {
            let Some(Outcome::Refused(refused)) = one.outcome() else { return Ok(()) };
            let Operated { account, asked, operation, .. } = one;
            let shown = units(&refused.balance.to_string());
            let amount = units(&operation.amount.to_string());
            let forbidden = match operation.kind {
                OperationKind::Withdrawal => amount > shown,
                OperationKind::Deposit => amount + shown >= units("1000000000000000"),
            };
            let since = usize::try_from(asked.since).unwrap_or(usize::MAX);
            let mut balances = account.entries.iter().skip(since.saturating_sub(1));
            let stood = (since == 0 && shown == 0)
                || balances.any(|entry| units(&entry.balance.to_string()) == shown);
            must(forbidden && stood, || {
                format!("{} {} was refused at {}", operation.kind.as_str(), operation.amount, refused.balance)
            })
        })
    }
}

invariant! {
    /// Refusals included, for ever.
    ReplaysEqualTheFirstAnswer: "replays equal the first answer", seen => {
        operated(seen).try_for_each(|one| {
            let (first, now) = (one.asked.first.as_ref(), one.outcome());
            must(first.is_none() || now.is_none() || first == now, || {
                format!("{} was answered with {first:?}, now with {now:?}", label(&one.operation.id))
            })
        })
    }
}

invariant! {
    /// A request's own retries show as one request.
    WithoutAKeyNothingIsReplayed: "without a key nothing is replayed", seen => {
        operated(seen).try_for_each(|Operated { operation, answer, .. }| {
            let replayed = answer.as_ref().is_ok_and(|answer| answer.replayed);
            must(operation.id.key().is_some() || !replayed, || {
                format!("{} came once, and is said to be replayed", label(&operation.id))
            })
        })
    }
}

invariant! {
    /// Neither before the answer nor later.
    UntouchedMeansThatNothingHappened: "untouched means that nothing happened", seen => {
        let Event::Ended(_, ended) = seen else { return Ok(()) };
        let untouched = ended.answer.untouched();
        must(ended.moved & untouched == 0 && (untouched == 0 || ended.net == 0), || {
            format!("{} happened, and was answered: {}", ended.task, ended.answer)
        })
    }
}

invariant! {
    /// It is never said of the request that the key belongs to.
    OnlyAKeyOfAnotherRequestIsReuse: "only a key of another request is key reuse", seen => {
        operated(seen).try_for_each(|Operated { account, asked, operation, answer }| {
            let id = label(&operation.id);
            let entry = account.seqs.get(&id).and_then(|&seq| account.entry(seq));
            let other = asked.requests.len() > 1 && !entry.is_some_and(|entry| entry.matches(operation));
            must(*answer != Err(Error::KeyReuse) || other, || format!("{id} was used for this request only"))
        })
    }
}

invariant! {
    /// Where a write waits for its replicas. Refusals are looked for when they are asked for again.
    AFailoverForgetsNoAcknowledgedOperation: "a failover forgets no acknowledged operation", seen => {
        let Event::FellBack(account) = seen else { return Ok(()) };
        let gone = account.asked.values().filter_map(|asked| asked.first.as_ref()?.entry()).find(|entry| {
            account.entry(entry.seq) != Some(*entry)
        });
        must(gone.is_none(), || format!("{gone:?} was answered, and is gone"))
    }
}
