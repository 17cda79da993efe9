//! Who is asking: verifies a bearer token for the other components, which call it by name,
//! `http://identity.spin.internal/`, with the `authorization` that they were sent (design section 7).
//!
//! 200 `{"user":"alice","scopes":["wallet:read"],"expires":1800000000}`, where `expires` is when the token is no
//! longer good, in seconds since 1970; 401 with `www-authenticate` as RFC 6750 has it; 503 where the issuer's keys
//! cannot be had. It has no route from outside, and with `auth = header` it answers nobody.
//!
//! The keys of the issuer are fetched once for all replicas and kept in the store ([`keys`]). Imports the store,
//! outbound HTTP to the issuer, and the settings named in [`settings`]. No token, nor part of one, is in any answer or log.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "in a test a panic is an answer"))]

mod issuer;
mod keys;
mod outside;
mod settings;
#[cfg(test)]
mod tests;

use api::{Answer, Code, Problem, Request};
use ledger::User;
use serde::Serialize;
use token::{KeySet, Refused, Rules, Verified};

use crate::keys::Keys;
use crate::outside::Host;
use crate::settings::{Keeper, Settings};

api::component!("identity", handle);

async fn handle(request: Request) -> Result<Answer, Problem> {
    request.verb()?;
    let settings = settings::read().await?;
    let store = store::spin::open().await;
    identify(&request, &settings, &store, &Host).await
}

/// What is known of who asks.
#[derive(Serialize)]
struct Identity<'a> {
    user: &'a str,
    scopes: &'a [String],
    expires: u64,
}

async fn identify(
    request: &Request,
    settings: &Settings,
    store: &impl store::Store,
    outside: &impl outside::Outside,
) -> Result<Answer, Problem> {
    let token = request.bearer()?;
    let rules = &settings.rules;
    let verified = match &settings.keeper {
        Keeper::Secret(keys) => judge(token, keys, rules, outside),
        Keeper::Issuer(source) => {
            let keys = Keys { store, outside, source };
            let kept = keys.current().await?;
            match judge(token, &kept.set, rules, outside) {
                // The issuer may have new keys.
                Err(Refused::UnknownKey) => match keys.newer_than(&kept).await {
                    Some(newer) => judge(token, &newer.set, rules, outside),
                    None => Err(Refused::UnknownKey),
                },
                judged => judged,
            }
        }
    };
    let Verified { user, scopes, expires } = verified.map_err(refused)?;
    if user.parse::<User>().is_err() {
        return Err(Problem::bad_token("The token's user has characters that no user has, or too many."));
    }
    Ok(Answer::json(&Identity { user: &user, scopes: &scopes, expires }))
}

fn judge(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    outside: &impl outside::Outside,
) -> Result<Verified, Refused> {
    let now = outside.now_ms().checked_div(1000).unwrap_or_default();
    token::verify(token, keys, rules, now)
}

fn refused(refused: Refused) -> Problem {
    let mut why = refused.to_string();
    if let Some(first) = why.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::bad_token(why + ".")
}

/// No token can be judged, so none is accepted.
fn unavailable(detail: &'static str) -> Problem {
    Problem::untouched(Code::StorageUnavailable, detail)
}
