//! Verifies bearer tokens for the other components. They call it by name, `http://identity.spin.internal/`, with
//! the `authorization` header of their own request (docs/security.md).
//!
//! It answers 200 without a body: `user-id` is the user; `scope` is what they may do, of the scopes that the bank
//! knows (all of them with `jwt_scopes = off`); `cache-control` says for how long that may be remembered. A JSON
//! body would make each caller 20 KB larger. It answers 401 with `www-authenticate` as in RFC 6750, and 503 if the
//! issuer's keys cannot be had. It has no public route, and with `auth = header` it verifies nothing.
//!
//! The issuer's keys are fetched once for all banks and kept in the store ([`keys`]). Imports the store, outbound
//! HTTP to the issuer, and the settings named in [`settings`]. No token, nor part of one, is in any answer or log.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod environment;
mod issuer;
mod keys;
mod problem;
mod settings;
#[cfg(test)]
mod tests;

use api::{Answer, Problem, Request, Scope};
use ledger::{Hash, User};
use token::{KeySet, Rules, TokenError, VerifiedToken};

use crate::environment::ComponentHost;
use crate::keys::KeyFetcher;
use crate::problem::unavailable;
use crate::settings::{KeySource, Settings};

api::component!("identity", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    request.route_method()?;
    let settings = settings::current().await?;
    identify(&request, &settings, &ComponentHost, &ComponentHost).await
}

/// How long a verified token may be remembered, in seconds: here and by the caller, together.
const REMEMBERED_SECONDS: u64 = 60;

async fn identify(
    request: &Request,
    settings: &Settings,
    stores: &impl environment::OpensStore,
    environment: &impl environment::Environment,
) -> Result<Answer, Problem> {
    let token = request.bearer()?;
    let judged = match &settings.key_source {
        KeySource::Secret(keys) => verify_token(token, keys, &settings.rules, now(environment)),
        KeySource::Issuer(source) => {
            by_issuer(token, &KeyFetcher { stores, environment, source }, &settings.rules).await?
        }
    };
    let (VerifiedToken { user, scopes, .. }, seconds) = judged.map_err(refused)?;
    if user.parse::<User>().is_err() {
        return Err(Problem::bad_token("The token's user has characters that no user has, or too many."));
    }
    let may = |scope: &Scope| !settings.asks_for_scopes || scopes.iter().any(|one| one == scope.as_str());
    let allowed: Vec<&str> = [Scope::Read, Scope::Write].into_iter().filter(may).map(Scope::as_str).collect();
    Ok(Answer::bare()
        .with("user-id", user)
        .with("scope", allowed.join(" "))
        .with("cache-control", format!("max-age={seconds}")))
}

/// The result of verifying a token, and for how many seconds it may be remembered.
type Verification = Result<(VerifiedToken, u64), TokenError>;

/// Verifies by the issuer's present keys. The result is remembered here too, since the instances that call serve few
/// requests (Spin's default: 128), and each begins with no memory.
async fn by_issuer<S: environment::OpensStore, E: environment::Environment>(
    token: &str,
    fetcher: &KeyFetcher<'_, S, E>,
    rules: &Rules,
) -> Result<Verification, Problem> {
    let (begun_ms, hash) = (fetcher.environment.now_ms(), Hash::of(token));
    let mut kept = fetcher.current().await?;
    if let Some(known) = kept.verified.get(&hash, now(fetcher.environment)) {
        return Ok(Ok(known));
    }
    loop {
        let now = now(fetcher.environment);
        match verify_token(token, &kept.set, rules, now) {
            // The issuer may have new keys. The token is refused for good only if the keys were fetched after the
            // request began.
            Err(TokenError::UnknownKey) if !kept.are_fetched_since(begun_ms) => {
                let unknown =
                    || unavailable("The token's key is not known, and the issuer cannot be asked now.");
                kept = fetcher.newer_than(&kept).await.ok_or_else(unknown)?;
            }
            judged => {
                if let Ok((verified, seconds)) = &judged {
                    kept.verified.keep(hash, verified.clone(), now, *seconds);
                }
                return Ok(judged);
            }
        }
    }
}

fn verify_token(token: &str, keys: &KeySet, rules: &Rules, now: u64) -> Verification {
    let verified = token::verify(token, keys, rules, now)?;
    let seconds = verified.expires.saturating_sub(now).min(REMEMBERED_SECONDS);
    Ok((verified, seconds))
}

/// In seconds since 1970.
fn now(environment: &impl environment::Environment) -> u64 {
    environment.now_ms().checked_div(1000).unwrap_or_default()
}

fn refused(refused: TokenError) -> Problem {
    let mut why = refused.to_string();
    if let Some(first) = why.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::bad_token(why + ".")
}
