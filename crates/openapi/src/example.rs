//! The wallet of the examples. The ledger makes its entries, so their hashes chain.

use api::view::{AgeView, EntryView, MovedView, WalletView};
use ledger::{Entry, IdempotencyKey, Mark, Operation, OperationId, OperationKind};

/// Whose it is.
pub const USER: &str = "alice";

/// Deposits of 100 and 10.50, a withdrawal of 7.50: oldest first.
///
/// # Panics
///
/// Never: the operations are valid.
fn history() -> Vec<Entry> {
    let operations = [
        (OperationKind::Deposit, "100", "order-16", "2026-11-20T17:00:00.000Z"),
        (OperationKind::Deposit, "10.50", "order-17", "2026-11-20T18:00:00.123Z"),
        (OperationKind::Withdrawal, "7.50", "order-18", "2026-11-20T18:30:00.456Z"),
    ];
    let mut mark = Mark::START;
    let mut entries = Vec::new();
    for (kind, amount, key, at) in operations {
        let Some(operation) = operation(kind, amount, key, at) else { continue };
        if let Ok(entry) = mark.post(&operation) {
            mark = entry.mark();
            entries.push(entry);
        }
    }
    entries
}

fn operation(kind: OperationKind, amount: &str, key: &str, at: &str) -> Option<Operation> {
    let id = OperationId::Keyed(key.parse::<IdempotencyKey>().ok()?);
    Some(Operation { id, kind, amount: amount.parse().ok()?, at: at.parse().ok()? })
}

/// The newest operation of this kind.
pub fn moved(kind: OperationKind) -> Vec<(&'static str, MovedView<'static>)> {
    let entry = history().into_iter().rfind(|entry| entry.kind == kind);
    let moved =
        |entry: Entry| MovedView { user: USER, balance: entry.balance.to_string(), entry: (&entry).into() };
    entry.map(|entry| (kind.as_str(), moved(entry))).into_iter().collect()
}

/// The wallet after this many entries.
pub fn wallet(entries: usize) -> WalletView<'static> {
    let mark = history().get(..entries).and_then(<[Entry]>::last).map_or(Mark::START, Entry::mark);
    WalletView { user: USER, balance: mark.balance.to_string(), seq: mark.seq, hash: mark.hash.to_string() }
}

/// The newest two entries.
pub fn entries() -> Vec<EntryView> {
    history().iter().rev().take(2).map(EntryView::from).collect()
}

/// Rates that are twelve seconds old.
pub fn age() -> AgeView {
    AgeView { as_of: "2026-11-20T18:00:00Z".to_owned(), age_seconds: 12, stale: false }
}
