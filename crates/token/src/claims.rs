//! The claims of a token, and those that the bank requires (RFC 7519, section 4.1; RFC 9068, section 4).

use serde_json::{Map, Value};

use crate::error::TokenError;

/// How far the clocks of the issuer and the bank may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// What a token must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Its `iss`, character by character.
    pub issuer: String,
    /// One of its `aud`.
    pub audience: String,
    /// Which claim is the user.
    pub user_claim: String,
}

/// The result of verifying a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The user, as the token names it.
    pub user: String,
    /// What the token allows.
    pub scopes: Vec<String>,
    /// When it expires, including the leeway: seconds since 1970.
    pub expires: u64,
}

/// Checks the claims of a token with a valid signature against the rules.
pub(crate) fn verify(
    claims: &Map<String, Value>,
    rules: &Rules,
    now: u64,
) -> Result<VerifiedToken, TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if rules.issuer.is_empty() || text("iss") != Some(rules.issuer.as_str()) {
        return Err(TokenError::Issuer);
    }
    if rules.audience.is_empty() || !words(claims.get("aud")).any(|audience| audience == rules.audience) {
        return Err(TokenError::Audience);
    }
    let expires =
        claims.get("exp").and_then(seconds).ok_or(TokenError::Expired)?.saturating_add(LEEWAY_SECONDS);
    if expires <= now {
        return Err(TokenError::Expired);
    }
    if let Some(begins) = claims.get("nbf") {
        let begins = seconds(begins).ok_or(TokenError::Malformed)?;
        if begins > now.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::NotYet);
        }
    }
    let user = text(&rules.user_claim).filter(|user| !user.is_empty()).ok_or(TokenError::User)?;
    Ok(VerifiedToken { user: user.to_owned(), scopes: scopes(claims), expires })
}

/// A text, or a list of texts.
fn words(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}

/// `scope` has spaces between its words (RFC 8693, section 4.2); `scp` is what Entra ID and Okta write.
fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    let named = ["scope", "scp"].into_iter().flat_map(|name| words(claims.get(name)));
    named.flat_map(|words| words.split(' ')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A NumericDate: seconds since 1970, without the fraction.
fn seconds(value: &Value) -> Option<u64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and `as` saturates"
    )]
    let whole = || value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64);
    value.as_u64().or_else(whole)
}
