//! Money in and out of JSON: amounts judged by their very characters, operations, their answers.

use ledger::{Amount, Kind, Operation, OperationId, Outcome, User};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::view::MovedView;
use crate::{Answer, Code, Problem, Request, clock};

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

/// Reads an operation of this kind: who, under which key, how much.
///
/// # Errors
/// 401, 400, 413 or 415, in this order.
pub async fn operation(request: Request, kind: Kind) -> Result<(User, Operation), Problem> {
    let user = request.user()?;
    let id = match request.idempotency_key()? {
        Some(key) => OperationId::Keyed(key),
        None => OperationId::Made(clock::fresh_id()),
    };
    let amount = body_amount(&request.json_body().await?)?;
    Ok((user, Operation { id, kind, amount, at: clock::now()? }))
}

/// The answer to an operation: the same bytes whenever it is given.
///
/// # Errors
/// 422, where the operation was refused.
pub fn answer(user: &User, answer: &teller::operation::Answer) -> Result<Answer, Problem> {
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

fn body_amount(body: &[u8]) -> Result<Amount, Problem> {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_and_numbers_are_judged_by_their_characters() {
        for (token, printed) in [
            (r#""10.50""#, "10.50"),
            ("10.50", "10.50"),
            ("0.00000001", "0.00000001"),
            (r#""\u0031""#, "1.00"),
            ("999999999999999", "999999999999999.00"),
        ] {
            let body = format!(r#" {{"amount" : {token} }} "#);
            assert_eq!(body_amount(body.as_bytes()).unwrap().to_string(), printed, "{token}");
        }
    }

    #[test]
    fn other_tokens_are_no_amounts() {
        for token in [
            "1e2",
            "1E2",
            "-1",
            "0",
            "0.00",
            "1.000000001",
            "null",
            "true",
            "[]",
            "{}",
            r#"" 1""#,
            r#""""#,
            r#""01""#,
            "1e400",
            "\"\\ud83d\\ude00\"",
        ] {
            let body = format!(r#"{{"amount":{token}}}"#);
            assert_eq!(body_amount(body.as_bytes()).unwrap_err().code(), Code::InvalidAmount, "{token}");
        }
    }

    #[test]
    fn other_bodies_are_malformed() {
        for body in [
            "",
            "null",
            "[]",
            r#"["10"]"#,
            r#""10""#,
            "10",
            "{}",
            r#"{"amount":"1","amount":"1"}"#,
            r#"{"amount":"1","note":"x"}"#,
            r#"{"Amount":"1"}"#,
            r#"{"amount":"1"} x"#,
            r#"{"amount":"1""#,
            r#"{"amount":01}"#,
            r#"{"amount":+1}"#,
            r#"{"amount":.5}"#,
            r#"{"amount":NaN}"#,
            "{\"amount\":\"\u{0}\"}",
        ] {
            assert_eq!(body_amount(body.as_bytes()).unwrap_err().code(), Code::MalformedRequest, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = body_amount(&body);
        }

        #[test]
        fn no_token_is_taken_that_is_not_an_amount(token in "[-+0-9.eE\"a ]{1,12}") {
            if let Ok(amount) = body_amount(format!(r#"{{"amount":{token}}}"#).as_bytes()) {
                let characters = token.trim().trim_matches('"');
                prop_assert_eq!(characters.parse::<Amount>().unwrap(), amount);
            }
        }
    }
}
