//! The parameters of requests: in the path, in the query, in headers.

use api::limits::{COUNTER_INCREMENT, DEFAULT_ENTRIES, ENTRIES, MAX_BITCOINS};
use api::schema::{self, Amount, BitcoinsAmount, CounterName, User};
use ledger::operation::MAX_KEY_LENGTH;
use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

/// On every request.
pub fn request_id() -> Parameter {
    let description =
        "An id for the request, echoed in the answer if it is 1 to 128 of A-Z, a-z, 0-9 and ._-.";
    optional(ParameterIn::Header, "x-request-id", description, string())
}

/// Whose wallet: one of three headers, since some gateways drop names with underscores.
pub fn user() -> [Parameter; 3] {
    let description = "Whose wallet. One of `user_id`, `user-id` and `x-user-id` must be there; two of them must not \
                differ.";
    let header =
        |name| parameter(ParameterIn::Header, name, description, User::schema()).required(Required::False);
    let first = header("user_id").example(Some(json!("alice")));
    [first.build(), header("user-id").build(), header("x-user-id").build()]
}

/// On every `POST`.
pub fn idempotency_key() -> Parameter {
    let description = "Makes the request safe to send again: under one key it happens once, and its first answer is \
                given again, for ever. Raw or as a quoted string, which is the same key: `order-17`, `\"order-17\"`.";
    let plain = MAX_KEY_LENGTH.saturating_sub(1);
    let form = format!(r#"^([!#-~][!-~]{{0,{plain}}}|"([!#-\[\]-~]|\\["\\]){{1,{MAX_KEY_LENGTH}}}")$"#);
    optional(ParameterIn::Header, "idempotency-key", description, schema::text(&form).into())
}

/// For answers with an entity tag.
pub fn if_none_match() -> Parameter {
    let description = "Entity tags of what the client has. Where one of them still holds, the answer is 304.";
    optional(ParameterIn::Header, "if-none-match", description, string())
}

/// `?bitcoins=`
pub fn bitcoins() -> Parameter {
    let description = format!("How many to add: an amount of at most {MAX_BITCOINS}.");
    required(ParameterIn::Query, "bitcoins", &description, BitcoinsAmount::schema(), "0.5")
}

/// `?by=`
pub fn by() -> Parameter {
    let by = integer(*COUNTER_INCREMENT.start()).maximum(isize::try_from(*COUNTER_INCREMENT.end()).ok());
    optional(ParameterIn::Query, "by", "How much to add.", by.default(Some(json!(1))).into())
}

/// `/v1/counters/{name}`
pub fn counter_name() -> Parameter {
    required(ParameterIn::Path, "name", "The counter.", CounterName::schema(), "visits")
}

/// `?at=`
pub fn at() -> Parameter {
    let description = "The wallet as of the entry with this number; 0 is the start.";
    optional(ParameterIn::Query, "at", description, integer(0).into())
}

/// `?limit=`
pub fn limit() -> Parameter {
    let most = isize::try_from(*ENTRIES.end()).ok();
    let limit = integer(1).maximum(most).default(Some(json!(DEFAULT_ENTRIES)));
    optional(ParameterIn::Query, "limit", "How many entries at most.", limit.into())
}

/// `?cursor=`
pub fn cursor() -> Parameter {
    let description = "`next` of the answer before. It keeps its place while new entries arrive.";
    optional(ParameterIn::Query, "cursor", description, string())
}

/// `/v1/rates/{code}`
pub fn currency_code() -> Parameter {
    required(ParameterIn::Path, "code", "The currency's code, in any letter case.", code(), "usd")
}

/// `?amount=`
pub fn amount() -> Parameter {
    required(ParameterIn::Query, "amount", "How much.", Amount::schema(), "1.5")
}

/// `?from=`, `?to=`
pub fn currency(name: &str, example: &str) -> Parameter {
    required(ParameterIn::Query, name, "A currency's code, in any letter case.", code(), example)
}

/// `/problems/{code}`
pub fn problem_code() -> Parameter {
    let codes = api::schema::ProblemCode::schema();
    required(ParameterIn::Path, "code", "The problem's code.", codes, "insufficient-funds")
}

fn code() -> RefOr<Schema> {
    schema::text("^[A-Za-z0-9]+$").into()
}

fn string() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn integer(minimum: impl TryInto<isize>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(minimum.try_into().ok())
}

fn required(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: RefOr<Schema>,
    example: &str,
) -> Parameter {
    parameter(place, name, description, schema).required(Required::True).example(Some(json!(example))).build()
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: RefOr<Schema>) -> Parameter {
    parameter(place, name, description, schema).required(Required::False).build()
}

fn parameter(place: ParameterIn, name: &str, description: &str, schema: RefOr<Schema>) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).description(Some(description)).schema(Some(schema))
}
