//! The headers of answers.

use api::schema::{self, RequestId};
use utoipa::PartialSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Header, HeaderBuilder, RefOr, Schema};

/// The headers that every answer has.
pub const COMMON_HEADERS: [&str; 4] =
    ["content-length", "x-request-id", "x-content-type-options", "cache-control"];

/// The header of this name.
pub fn by_name(name: &str) -> Header {
    match name {
        "content-length" => header("The body's length in bytes.", integer(0)),
        "x-request-id" => {
            let description =
                "The caller's id if it is valid: 1 to 128 of A-Z, a-z, 0-9 and ._-; else a new one.";
            header(description, RequestId::schema())
        }
        "x-content-type-options" => header("Always `nosniff`.", schema::one_of(["nosniff"]).into()),
        "cache-control" => {
            let description =
                "`no-store`; rates may be kept for what is left of their life, assets after asking.";
            header(
                description,
                schema::text("^(no-store|no-cache|public, max-age=[0-9]+(, immutable)?)$").into(),
            )
        }
        "idempotent-replayed" => {
            let description =
                "`true` if the answer is a replay: it was given before under its idempotency key.";
            header(description, schema::one_of(["true"]).into())
        }
        "retry-after" => header("Seconds to wait before sending the request again.", integer(0)),
        "allow" => header("The methods that the path serves.", schema::text("^[A-Z]+(, [A-Z]+)*$").into()),
        "etag" => header(
            "Names the version that was sent; for `if-none-match`.",
            schema::text("^(W/)?\"[!#-~]*\"$").into(),
        ),
        "vary" => {
            let description = "What the answer depends on; `origin` where `cors_origins` names any.";
            header(description, schema::text("^(accept-encoding|origin|accept-encoding, origin)$").into())
        }
        "content-encoding" => {
            header("How the body is packed, for clients that accept it.", schema::one_of(["gzip"]).into())
        }
        _ => header("What the page may load, and from where.", schema::text("^default-src 'none'").into()),
    }
}

fn header(description: &str, schema: RefOr<Schema>) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn integer(minimum: isize) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum)).into()
}
