//! JSON Schemas of the contract's plain values, with the limits that the code enforces.
//!
//! Only for the published document (`crates/openapi`). No component contains this.

use std::borrow::Cow;

use ledger::{amount, operation};
use serde_json::json;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{Code, limits};

macro_rules! schemas {
    ($($(#[doc = $description:literal])+ $name:ident = $schema:expr;)*) => {$(
        $(#[doc = $description])+
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.description(Some(concat!($($description),+).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

schemas! {
    /// An amount of money as it is sent: a plain decimal greater than zero.
    Amount = text(&amount_pattern()).examples([json!("10.50")]);
    /// A number of bitcoins as it is sent: an amount of at most 21000000.
    BitcoinsAmount = text(
        "^(?!0(\\.0+)?$)((0|[1-9][0-9]{0,6}|1[0-9]{7}|20[0-9]{6})(\\.[0-9]{1,8})?|21000000(\\.0{1,8})?)$",
    );
    /// An amount in a body: a string, or a number that is read character by character: no exponent, at most
    /// 8 places. A string means exactly the same in every language.
    SentAmount = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Number]))
        .pattern(Some(amount_pattern())).exclusive_minimum(Some(0))
        .exclusive_maximum(Some(10_usize.pow(amount::MAX_INTEGER_DIGITS as u32))).examples([json!("10.50")]);
    /// An amount of money as it is shown: no exponent, at least two places, no further trailing zeros.
    Money = text(&format!(
        "^(0|[1-9][0-9]{{0,{}}})\\.[0-9]([0-9]|[0-9]{{1,{}}}[1-9])$", amount::MAX_INTEGER_DIGITS - 1, amount::MAX_PLACES - 2,
    ));
    /// A decimal greater than zero, of any size.
    Decimal = text("^(0|[1-9][0-9]*)(\\.[0-9]+)?$");
    /// Bitcoins, with all their digits.
    Total = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0));
    /// A user's name.
    User = text(&format!("^[A-Za-z0-9{}]{{1,{}}}$", operation::USER_PUNCTUATION, operation::MAX_USER_LENGTH))
        .examples([json!("alice")]);
    /// Visible ASCII characters.
    IdempotencyKey = text(&format!("^[!-~]{{1,{}}}$", operation::MAX_KEY_LENGTH)).examples([json!("order-17")]);
    /// A counter's name.
    CounterName = text(&format!("^[A-Za-z0-9._-]{{1,{}}}$", limits::MAX_COUNTER_NAME_LENGTH))
        .examples([json!("visits")]);
    /// A counter's value.
    CounterValue = ObjectBuilder::new().schema_type(Type::Integer)
        .minimum(Some(-limits::MAX_COUNTER_VALUE as isize)).maximum(Some(limits::MAX_COUNTER_VALUE as isize));
    /// 64 lower-case hex digits.
    Hash = text("^[0-9a-f]{64}$");
    /// A moment in UTC.
    Moment = text("Z$").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    /// Which way money moves.
    EntryKind = one_of([ledger::OperationKind::Deposit.as_str(), ledger::OperationKind::Withdrawal.as_str()]);
    /// Bitcoin.
    Base = one_of(["btc"]);
    /// Where a kind of problem is explained.
    ProblemType = text("^/problems/[a-z-]+$");
    /// A kind of problem. Never changes its meaning.
    ProblemCode = one_of(Code::ALL.iter().map(|code| code.as_str()));
    /// What became of this request, and of no other. `none`: it did nothing and will do nothing. `unknown`: it
    /// may have, or may still. `none` for a second try says nothing about the first.
    StorageOutcome = one_of(["none", "unknown"]);
    /// An id of a request.
    RequestId = text(&format!("^[A-Za-z0-9._-]{{1,{}}}$", limits::MAX_REQUEST_ID_LENGTH));
}

/// A string of this form.
pub fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// One of these strings.
pub fn one_of<'a>(values: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}

/// The contract's grammar, and greater than zero.
fn amount_pattern() -> String {
    let (digits, places) = (amount::MAX_INTEGER_DIGITS - 1, amount::MAX_PLACES);
    format!("^(?!0(\\.0+)?$)(0|[1-9][0-9]{{0,{digits}}})(\\.[0-9]{{1,{places}}})?$")
}
