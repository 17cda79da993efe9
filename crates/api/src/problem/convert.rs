//! Converts each kind of failure to a problem. This happens nowhere else.

use ledger::{Refusal, RefusedOperation};
use store::Unavailable;

use super::{Code, Members, Problem};
use crate::clock;

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        let (outcome, detail) = match unavailable {
            Unavailable::Untouched => (
                "none",
                "The store does not answer. This request did nothing and will do nothing. That says nothing of an earlier try under the same idempotency key.",
            ),
            Unavailable::Unknown => ("unknown", Code::StorageUnavailable.detail()),
        };
        let members = Members { outcome: Some(outcome), ..Members::default() };
        Self { members, ..Self::new(Code::StorageUnavailable, detail) }
    }
}

impl From<teller::Error> for Problem {
    fn from(error: teller::Error) -> Self {
        match error {
            teller::Error::KeyReuse => {
                Self::new(Code::IdempotencyKeyReuse, "The idempotency key was used for another request.")
            }
            teller::Error::Unavailable(unavailable) => unavailable.into(),
            // The log names neither the user nor the idempotency key, and both are in the document's key.
            teller::Error::Corrupt { key, reason } => Self::internal(&format!("{}: {reason}", key.kind())),
        }
    }
}

impl From<&RefusedOperation> for Problem {
    fn from(refused: &RefusedOperation) -> Self {
        let RefusedOperation { amount, balance, .. } = refused;
        let (code, detail) = match refused.refusal {
            Refusal::InsufficientFunds => {
                (Code::InsufficientFunds, format!("The balance is {balance}; {amount} was asked for."))
            }
            Refusal::LimitExceeded => (
                Code::LimitExceeded,
                format!("The balance is {balance}; with {amount} it would pass 15 integer digits."),
            ),
        };
        let members = Members::of_a_refusal(balance.to_string(), amount.to_string());
        Self { members, ..Self::new(code, detail) }
    }
}

impl From<clock::OutOfRange> for Problem {
    fn from(_: clock::OutOfRange) -> Self {
        Self::internal("the clock is out of range")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_every_member_of_the_contract() {
        let refused = RefusedOperation {
            id: ledger::OperationId::Made("m".into()),
            kind: ledger::OperationKind::Withdrawal,
            amount: "7.5".parse().unwrap(),
            refusal: Refusal::InsufficientFunds,
            balance: "5".parse().unwrap(),
        };
        let response = Problem::from(&refused).into_answer("r-1").into_response("r-1");
        assert_eq!(response.status(), 422);
        let body = response.into_body();
        assert_eq!(
            String::from_utf8(body.to_vec()).unwrap(),
            concat!(
                r#"{"type":"/problems/insufficient-funds","title":"Insufficient funds","status":422,"#,
                r#""detail":"The balance is 5.00; 7.50 was asked for.","code":"insufficient-funds","#,
                r#""request_id":"r-1","balance":"5.00","amount":"7.50"}"#
            )
        );
    }

    #[test]
    fn an_unavailable_store_says_what_happened_and_when_to_come_back() {
        for (unavailable, outcome) in [(Unavailable::Untouched, "none"), (Unavailable::Unknown, "unknown")] {
            let problem = Problem::from(unavailable);
            assert_eq!(problem.members.outcome, Some(outcome));
            let response = problem.into_answer("r").into_response("r");
            assert_eq!(response.status(), 503);
            let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=3).contains(&seconds));
        }
    }

    #[test]
    fn what_the_teller_says_no_to_has_its_code() {
        for (error, code) in [
            (teller::Error::KeyReuse, Code::IdempotencyKeyReuse),
            (Unavailable::Untouched.into(), Code::StorageUnavailable),
        ] {
            assert_eq!(Problem::from(error).code(), code);
        }
    }

    #[test]
    fn a_corrupt_document_tells_the_client_nothing_of_the_inside() {
        let error =
            teller::Error::Corrupt { key: store::keys::rates(), reason: ledger::Corrupt("secret reason") };
        let problem = Problem::from(error);
        assert_eq!(problem.code(), Code::InternalError);
        assert!(!format!("{problem:?}").contains("secret"));
    }
}
