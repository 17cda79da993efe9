//! What must hold when all requests have ended: an undisturbed reader finds all entries, every balance and every
//! first answer; nobody is locked out; counters show their sum.

use ledger::{Operation, OperationId, OperationKind};
use store::Unavailable;

use crate::direct::Direct;
use crate::disk::Disk;
use crate::invariants::{Ended, Event, Violation, check};
use crate::model::Account;
use crate::task::{Answer, Task};
use crate::truth::Truth;

/// How much is checked for each wallet: everything, or samples at these distances.
#[derive(Debug, Clone, Copy)]
pub struct Thoroughness {
    /// Every n-th operation is asked for again.
    pub operations: usize,
    /// Every n-th past balance is asked for.
    pub balances: usize,
    /// How many entries a page of the history has.
    pub limit: usize,
}

/// Reads everything.
///
/// # Errors
/// The [`Violation`] that was found.
pub fn rest(disk: &Disk, truth: &Truth, thorough: Thoroughness) -> Result<(), Violation> {
    for account in truth.model().accounts() {
        history(disk, truth, account, thorough)?;
        replays(disk, truth, account, thorough)?;
        a_new_deposit(disk, truth, account)?;
    }
    counters(disk, truth)
}

/// Asks for `task` alone; nothing keeps the store from answering.
fn ask(direct: &Direct, truth: &Truth, task: &Task) -> Result<Answer, Violation> {
    let answer = direct.perform(truth.bug(), task);
    let Some(answer) = answer.filter(|answer| answer.unavailable().is_none()) else {
        return Err(Violation {
            sentence: "no wallet is ever locked",
            seen: format!("{task}: no answer from a store that works"),
        });
    };
    let began = match task {
        Task::Walk { user, .. } | Task::Past(user, _) => truth.model().account(user).map_or(0, Account::seq),
        _ => 0,
    };
    let ended = Ended { task, answer: &answer, began, moved: 0, net: 0, totals: &[] };
    check(&Event::Ended(truth.model(), &ended))?;
    Ok(answer)
}

fn history(disk: &Disk, truth: &Truth, account: &Account, thorough: Thoroughness) -> Result<(), Violation> {
    let (user, limit) = (account.user.clone(), thorough.limit);
    let direct = Direct::on(disk);
    ask(&direct, truth, &Task::Walk { user: user.clone(), before: None, limit, pages: usize::MAX / limit })?;
    for seq in (0..=account.entries.len() as u64 + 1).rev().step_by(thorough.balances) {
        ask(&direct, truth, &Task::Past(user.clone(), seq))?;
    }
    Ok(())
}

/// Every key is asked for again: what is known is a replay, and what was in doubt is settled.
fn replays(disk: &Disk, truth: &Truth, account: &Account, thorough: Thoroughness) -> Result<(), Violation> {
    let direct = Direct::on(disk);
    let keyed = account.asked.iter().filter(|(_, asked)| asked.operation.id.key().is_some());
    for (id, asked) in keyed.step_by(thorough.operations) {
        if asked.first.is_none() && !account.seqs.contains_key(id) {
            continue;
        }
        let task = Task::Operate(account.user.clone(), vec![asked.operation.clone()]);
        let answer = ask(&direct, truth, &task)?;
        let replayed = match &answer {
            Answer::Operated(answers) => answers
                .iter()
                .all(|answer| answer.as_ref().map_or(asked.requests.len() > 1, |answer| answer.replayed)),
            _ => false,
        };
        if !replayed {
            let seen = format!("{task}: {answer}, as if it had come for the first time");
            return Err(Violation { sentence: "replays equal the first answer", seen });
        }
    }
    Ok(())
}

fn a_new_deposit(disk: &Disk, truth: &Truth, account: &Account) -> Result<(), Violation> {
    let parsed = ("0.00000001".parse(), "2026-11-20T18:00:00.123Z".parse());
    let (Ok(amount), Ok(at)) = parsed else { return Ok(()) };
    let operation =
        Operation { id: OperationId::Made("the-last".to_owned()), kind: OperationKind::Deposit, amount, at };
    let task = Task::Operate(account.user.clone(), vec![operation]);
    let answer = Direct::on(disk).perform(truth.bug(), &task);
    match &answer {
        Some(answer @ Answer::Operated(_)) if answer.error().is_none() => Ok(()),
        _ => Err(Violation {
            sentence: "no wallet is ever locked",
            seen: format!("{task}: {:?}", answer.map(|answer| answer.to_string())),
        }),
    }
}

fn counters(disk: &Disk, truth: &Truth) -> Result<(), Violation> {
    for meter in truth.model().meters() {
        let total = Direct::on(disk).perform(truth.bug(), &Task::Total(meter.counter.clone()));
        let sum = meter.cell.saturating_add(meter.keyed());
        let shown = match total {
            Some(Answer::Totalled(Ok(total))) => total,
            other => {
                let error = other.and_then(|answer| answer.unavailable()).unwrap_or(Unavailable::Unknown);
                return Err(Violation { sentence: "a counter shows its sum", seen: error.to_string() });
            }
        };
        if shown != sum || (!meter.doubt && shown != meter.acknowledged) {
            return Err(Violation {
                sentence: "a counter shows its sum",
                seen: format!("{shown}: {sum} was added, {} acknowledged", meter.acknowledged),
            });
        }
        // Where no call guards both values, a post with a key and one without, each within the limit, may pass it
        // together. A script guards both.
        let mixed = meter.cell != 0 && meter.keyed() != 0;
        let guarded = disk.flavour().goes_by_scripts() || (!mixed && !meter.doubt);
        if guarded && shown > meter.limit {
            return Err(Violation {
                sentence: "no counter passes its limit",
                seen: format!("{shown}, past {}", meter.limit),
            });
        }
    }
    Ok(())
}
