//! Money in and out of JSON: amounts, read from their exact characters; operations; and their answers.

use ledger::{Amount, Operation, OperationId, OperationKind, Outcome, User};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::view::MovedView;
use crate::{Answer, Code, Problem, Request, Scope, clock};

/// The body of a deposit or withdrawal. The amount keeps its token: no float ever touches it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Operation))]
#[serde(deny_unknown_fields)]
pub struct OperationBody<'a> {
    /// How much.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::SentAmount))]
    #[serde(borrow)]
    pub amount: &'a RawValue,
}

/// Reads an operation of this kind: its user, its idempotency key, its amount.
///
/// # Errors
///
/// 401, 403, 400, 413 or 415, in this order; 503 if tokens cannot be verified.
pub async fn operation(request: Request, kind: OperationKind) -> Result<(User, Operation), Problem> {
    let user = request.user(Scope::Write).await?;
    let id = match request.idempotency_key()? {
        Some(key) => OperationId::Keyed(key),
        None => OperationId::Made(clock::fresh_id()),
    };
    let amount = body_amount(&request.json_body().await?)?;
    Ok((user, Operation { id, kind, amount, at: clock::now()? }))
}

/// The answer to an operation; a replay has the same bytes.
///
/// # Errors
///
/// 422, if the operation was refused.
pub fn answer(user: &User, answer: &teller::operation::OperationAnswer) -> Result<Answer, Problem> {
    match &answer.outcome {
        Outcome::Posted(entry) => Ok(Answer::json(&MovedView {
            user: user.as_str(),
            balance: entry.balance.to_string(),
            entry: entry.into(),
        })
        .replayed(answer.replayed)),
        Outcome::Refused(refused) => Err(Problem::from(refused).replayed(answer.replayed)),
    }
}

/// An amount from a query parameter.
///
/// # Errors
/// 400 `invalid-amount`.
pub fn amount(text: &str) -> Result<Amount, Problem> {
    text.parse().map_err(|error: ledger::NotAnAmount| {
        let mut detail = error.to_string();
        detail.replace_range(..1, "A");
        Problem::new(Code::InvalidAmount, format!("{detail}."))
    })
}

pub(crate) fn body_amount(body: &[u8]) -> Result<Amount, Problem> {
    // serde would read an array as the object's members in order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::malformed("The body is no JSON object."));
    }
    let body: OperationBody<'_> = serde_json::from_slice(body)
        .map_err(|_| Problem::malformed("The body is not a JSON object with the one member amount."))?;
    token_amount(body.amount.get())
}

/// The amount of a raw JSON token: a string's characters, or a number's.
fn token_amount(token: &str) -> Result<Amount, Problem> {
    match serde_json::from_str::<String>(token) {
        Ok(text) => amount(&text),
        Err(_) => amount(token),
    }
}

#[cfg(test)]
mod tests;
