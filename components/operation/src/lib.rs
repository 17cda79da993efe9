//! Moves money: `POST /v1/deposit` and `POST /v1/withdraw`, also `/deposit` and `/withdraw`.
//!
//! Takes `{"amount":"10.50"}`, and answers the user's balance and the new entry. A wallet is never overdrawn: such
//! a withdrawal is refused with 422 `insufficient-funds`, and the balance is unchanged. A request under an
//! `Idempotency-Key` is safe to retry: the first answer, a refusal included, is kept for ever and given again
//! (`ledger::Outcome::is_remembered`).
//!
//! `spin.toml` makes two components of this one file, `deposit` and `withdraw`. They differ only in the kind of
//! operation, which the path names. Imports the store with its settings, `identity` by its name, and the settings that
//! `spin.toml` lists.

use std::rc::Rc;

use api::{Answer, Problem, Request, money};
use ledger::OperationKind;
use teller::batch::WalletBatches;

thread_local! {
    /// Requests on one wallet in this instance share batches instead of competing.
    static BATCHES: Rc<WalletBatches> = Rc::new(WalletBatches::new());
}

api::component!(of component, handle);

/// The component that `path` leads to.
fn component(path: &str) -> &'static str {
    match kind(path) {
        Some(OperationKind::Withdrawal) => "withdraw",
        _ => "deposit",
    }
}

fn kind(path: &str) -> Option<OperationKind> {
    match path {
        "/v1/deposit" | "/deposit" => Some(OperationKind::Deposit),
        "/v1/withdraw" | "/withdraw" => Some(OperationKind::Withdrawal),
        _ => None,
    }
}

async fn handle(request: Request) -> Result<Answer, Problem> {
    let kind = kind(request.path()).ok_or_else(Problem::not_found)?;
    request.post()?;
    let (user, operation) = money::operation(request, kind).await?;
    let store = store::spin::open().await;
    let answer = BATCHES.with(Rc::clone).carry_out(&store, &user, operation).await?;
    money::answer(&user, &answer)
}
