//! Money in: `POST /v1/deposit`, also `/deposit`.
//!
//! Takes `{"amount":"10.50"}`, answers the user's balance and the new entry.
//! Safe to retry under an `Idempotency-Key`: the first answer is given again, for ever.
//! Imports the key-value store, `identity` by its name, and the settings `storage_deadline_ms` and `auth`.

use std::rc::Rc;

use api::{Answer, Problem, Request, money};
use ledger::Kind;
use teller::line::Line;

thread_local! {
    /// Requests on one wallet in this instance do not fight for it.
    static LINE: Rc<Line> = Rc::new(Line::new());
}

api::component!("deposit", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    match request.path() {
        "/v1/deposit" | "/deposit" => deposit(request).await,
        _ => Err(Problem::not_found()),
    }
}

async fn deposit(request: Request) -> Result<Answer, Problem> {
    request.post()?;
    let (user, operation) = money::operation(request, Kind::Deposit).await?;
    let store = store::spin::open().await;
    let answer = LINE.with(Rc::clone).carry_out(&store, &user, operation).await?;
    money::answer(&user, &answer)
}
