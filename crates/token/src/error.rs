//! The reasons to refuse a token.

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than [`crate::MAX_BYTES`].
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// It is not a compact JWS, or a JSON member is repeated.
    #[error("the token is malformed")]
    Malformed,
    /// It is not an access token: its `typ` or `cty` says so.
    #[error("the token is not an access token")]
    Type,
    /// It calls an unknown extension critical.
    #[error("the token has a critical extension that is not known")]
    Critical,
    /// Its algorithm is not accepted, or may not be used with its key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No key of the issuer has its `kid`, or it has no `kid` and several keys would fit. The issuer may have new
    /// keys.
    #[error("the token's key is not known")]
    UnknownKey,
    /// It was not signed with that key, or was changed since.
    #[error("the token's signature is not good")]
    Signature,
    /// It comes from another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// It is meant for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// It has expired, or never does.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It names no user.
    #[error("the token names no user")]
    User,
}
