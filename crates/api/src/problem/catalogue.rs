//! Every problem code of the contract: its status, its title, what a client should do, and the details that an
//! answer may have. The pages under `/problems/` and the published document show the same table.

use http::StatusCode;

macro_rules! catalogue {
    ($($(#[doc = $meaning:literal])+ $name:ident = $code:literal, $status:ident, $title:literal, $retry:literal, $detail:literal;)*) => {
        /// The kind of a problem. Never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)*
        }

        impl Code {
            /// All codes, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code's name, as `code` and at the end of `type`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// The title: the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+)),* }
            }

            /// Whether to send the request again, and how.
            #[must_use]
            pub fn retry(self) -> &'static str {
                match self { $(Self::$name => $retry),* }
            }

            /// What the detail of one occurrence may say.
            pub(crate) fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail),* }
            }
        }
    };
}

catalogue! {
    /// The body is no JSON object, has an unknown, missing or repeated member, or a query parameter or
    /// header is not what the route takes.
    MalformedRequest = "malformed-request", BAD_REQUEST, "Malformed request", "Correct the request first.",
        "The query parameter limit is an integer from 1 to 200.";
    /// An amount is a plain decimal greater than zero, with at most 15 digits before the point and at
    /// most 8 after it: no sign, no exponent, no leading zeros.
    InvalidAmount = "invalid-amount", BAD_REQUEST, "Invalid amount", "Correct the amount first.",
        "An amount is a plain decimal greater than zero with at most 15 digits before the point and 8 after it.";
    /// An idempotency key is 1 to 255 visible ASCII characters, raw or as a quoted string.
    InvalidIdempotencyKey = "invalid-idempotency-key", BAD_REQUEST, "Invalid idempotency key", "Correct the key first.",
        "An idempotency key is 1 to 255 visible ASCII characters, raw or as a quoted string.";
    /// The request names no user. Send one in the header user_id, user-id or x-user-id; where the bank asks for tokens,
    /// send a bearer token in the header Authorization.
    MissingIdentity = "missing-identity", UNAUTHORIZED, "Missing identity", "Name a user first.",
        "Name a user in the header user_id.";
    /// A user is 1 to 128 of A-Z, a-z, 0-9 and ._~@+|:/=-; two headers must not differ. A comma, which a proxy puts
    /// between two headers that it joins, is never part of a user. Where the bank asks for tokens: the token has expired,
    /// is forged, or names another user than a header does.
    InvalidIdentity = "invalid-identity", UNAUTHORIZED, "Invalid identity", "Correct the user's name first. With tokens, get a new one and send the very same request under the same idempotency key: an earlier try may have been carried out.",
        "Two headers name two users.";
    /// The token does not carry the scope that the route asks for: wallet:read for reading, wallet:write for moving money.
    InsufficientScope = "insufficient-scope", FORBIDDEN, "Insufficient scope", "With a token that carries the scope.",
        "The token does not carry the scope wallet:write.";
    /// Nothing is at this path.
    NotFound = "not-found", NOT_FOUND, "Not found", "Correct the path first.",
        "Nothing is at this path.";
    /// The rates know no currency with this code.
    UnknownCurrency = "unknown-currency", NOT_FOUND, "Unknown currency", "Correct the code first.",
        "The rates know no currency with this code; /v1/rates lists them.";
    /// The wallet does not have this entry yet.
    NoSuchEntry = "no-such-entry", NOT_FOUND, "No such entry", "When the wallet has that entry.",
        "The wallet has no entry 7 yet.";
    /// The path serves other methods; Allow names them.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed", "With one of the allowed methods.",
        "This path serves GET, HEAD.";
    /// The body did not come in time: within 10 seconds, unless whoever runs the bank set another limit. Nothing
    /// happened, and the connection is closed.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "Request timeout",
        "Yes: the very same request under the same idempotency key.",
        "The body did not come in time. Nothing happened.";
    /// A body may have 4 KiB.
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "Payload too large", "With a smaller body.",
        "A body may have 4096 bytes.";
    /// The body is not application/json, or it is compressed.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "As application/json.",
        "Send the body as application/json, and not compressed.";
    /// The withdrawal asks for more than the wallet holds. The wallet is unchanged.
    InsufficientFunds = "insufficient-funds", UNPROCESSABLE_ENTITY, "Insufficient funds",
        "With a smaller amount or after a deposit, under another idempotency key.",
        "The balance is 5.00; 7.50 was asked for.";
    /// The result would pass the largest balance or total. Nothing is changed.
    LimitExceeded = "limit-exceeded", UNPROCESSABLE_ENTITY, "Limit exceeded", "With a smaller amount, under another idempotency key.",
        "The balance is 999999999999999.00; with 7.50 it would pass 15 integer digits.";
    /// The idempotency key was used for another request. Nothing is changed.
    IdempotencyKeyReuse = "idempotency-key-reuse", UNPROCESSABLE_ENTITY, "Idempotency key reused", "Under another key.",
        "The idempotency key was used for another request.";
    /// The store does not answer. The member outcome is of this request and of no other. none: it did nothing and will do
    /// nothing. unknown: it may have been carried out, or may still be. An earlier try may have ended differently.
    StorageUnavailable = "storage-unavailable", SERVICE_UNAVAILABLE, "Storage unavailable",
        "Yes: the very same request under the same idempotency key, at most as often as Retry-After says, until the answer is a 2xx, or a 4xx other than 408 and 429. With tokens a 401 does not end it either: get a new token. Use a new key for it only after such an answer.",
        "The store did not answer in time. This request may have been carried out, or may still be. Send it again under the same idempotency key to learn what became of it.";
    /// The source of the rates is down and no rates fresh enough are kept.
    RatesUnavailable = "rates-unavailable", SERVICE_UNAVAILABLE, "Rates unavailable", "Yes, after the seconds of Retry-After.",
        "The source of the rates is down, and none fresh enough are kept.";
    /// Our fault. Whether anything happened is not known.
    InternalError = "internal-error", INTERNAL_SERVER_ERROR, "Internal error",
        "Yes: the very same request under the same idempotency key. If that does not help, tell us the request_id.",
        "This is our fault, not yours.";
}
