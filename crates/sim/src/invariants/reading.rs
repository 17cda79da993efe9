//! Histories and past balances.

use super::event::Event;
use super::invariant::{invariant, must};
use crate::task::{Answer, Task};

invariant! {
    /// Pages without loss or repetition, from the newest entry (or the cursor) on, while others write.
    HistoryIsWhole: "history pages show every entry once", seen => {
        let Event::Ended(model, ended) = seen else { return Ok(()) };
        let (Task::Walk { user, before, limit, pages }, Answer::Walked(Ok((shown, end)))) =
            (ended.task, ended.answer)
        else {
            return Ok(());
        };
        let Some(account) = model.account(user) else { return Ok(()) };
        let newest = before.map(|before| before.saturating_sub(1));
        let first = shown.first().map_or(0, |entry| entry.seq);
        let began = u64::try_from(ended.began).unwrap_or(0);
        must(first >= newest.map_or(began, |newest| newest.min(began)), || {
            format!("there were {began} entries, and the newest shown is {first}")
        })?;
        must(newest.is_none_or(|newest| first <= newest), || format!("entry {first} is not before {before:?}"))?;
        for (entry, seq) in shown.iter().zip((1..=first).rev()) {
            must(account.entry(seq) == Some(entry), || format!("entry {} where {seq} comes next", entry.seq))?;
        }
        let all = shown.len() as u64 == first;
        must(*end == all, || format!("{} entries from {first} on, at the end: {end}", shown.len()))?;
        must(all || shown.len() == limit * pages, || format!("{} entries, not {limit} a page", shown.len()))
    }
}

invariant! {
    /// And an entry that there was when the request began can be asked for.
    PastBalancesAreTheEntries: "past balances are those of the entries", seen => {
        let Event::Ended(model, ended) = seen else { return Ok(()) };
        let (Task::Past(user, seq), Answer::Stood(Ok(mark))) = (ended.task, ended.answer) else {
            return Ok(());
        };
        let Some(account) = model.account(user) else { return Ok(()) };
        let entry = account.entry(*seq).map(ledger::Entry::mark);
        let missing = mark.is_none() && ended.began < i64::try_from(*seq).unwrap_or(i64::MAX);
        must(*seq == 0 || missing || *mark == entry, || format!("after entry {seq}: {mark:?}, not {entry:?}"))
    }
}
