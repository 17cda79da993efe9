//! The routes of `components/operation` and `components/wallet`

use api::Code::{
    InsufficientFunds, InvalidAmount, LimitExceeded, MalformedRequest, NoSuchEntry, StorageUnavailable,
};
use api::money::OperationBody;
use api::view::EntriesView;
use ledger::OperationKind;

use crate::operation::{Route, amount_body};
use crate::{example, parameter};

const TAG: &str = "Wallets";

pub fn all() -> Vec<Route> {
    vec![
        deposit("/v1/deposit", "deposit"),
        deposit("/deposit", "depositUnversioned"),
        withdraw("/v1/withdraw", "withdraw"),
        withdraw("/withdraw", "withdrawUnversioned"),
        wallet(),
        entries(),
    ]
}

fn deposit(path: &'static str, id: &str) -> Route {
    let description = "`/deposit` is `/v1/deposit`, under the same idempotency keys.";
    moves(path, id, OperationKind::Deposit).described(TAG, "Money in", description).may_fail([LimitExceeded])
}

fn withdraw(path: &'static str, id: &str) -> Route {
    let description =
        "Never more than there is. `/withdraw` is `/v1/withdraw`, under the same idempotency keys.";
    moves(path, id, OperationKind::Withdrawal)
        .described(TAG, "Money out", description)
        .may_fail([InsufficientFunds])
}

fn moves(path: &'static str, id: &str, kind: OperationKind) -> Route {
    Route::post(path, id)
        .with_user("wallet:write")
        .takes_body::<OperationBody>(amount_body())
        .answers("The balance after it, and the new entry", &example::moved(kind))
        .with_headers(["idempotent-replayed"])
        .may_fail([MalformedRequest, InvalidAmount, StorageUnavailable])
}

fn wallet() -> Route {
    let description = "Its balance and the hash of its last entry, now or as of an entry. A user who never moved money \
                has `0.00`, entry 0 and a hash of 64 zeros.";
    Route::get("/v1/wallet", "wallet")
        .described(TAG, "Where a wallet stands", description)
        .with_user("wallet:read")
        .takes([parameter::at()])
        .answers("Where it stands", &[("now", example::wallet(3)), ("at the start", example::wallet(0))])
        .may_fail([MalformedRequest, NoSuchEntry, StorageUnavailable])
}

fn entries() -> Route {
    let description = "No entry twice and none missed while new ones arrive. Each `hash` is the lower-case hex SHA-256 \
                of the previous entry's hash, `seq`, `id`, `kind`, `amount`, `balance` and `at`, joined by line feeds; \
                the first entry's previous hash is 64 zeros.";
    let example = EntriesView { entries: example::entries(), next: Some("e1-2".to_owned()) };
    Route::get("/v1/wallet/entries", "entries")
        .described(TAG, "Every movement, newest first", description)
        .with_user("wallet:read")
        .takes([parameter::limit(), parameter::cursor()])
        .answers("A stretch of entries", &[("the newest two", example)])
        .may_fail([MalformedRequest, StorageUnavailable])
}
