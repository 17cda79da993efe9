//! Who the user is and what they may do: the only place where identity is read (docs/security.md).
//!
//! With `auth = header` a header names the user. With `auth = jwt` a bearer token does. The component `identity`
//! verifies it, by service chaining, since only that component knows keys. An instance remembers a verified token
//! by its SHA-256 for as long as `identity` allows: at most a minute, and never past its `exp`. If a header names a
//! user beside the token, it must be the same user. No token, nor part of one, is in any answer or log.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::{Hash, User};
use settings::AUTH;

use crate::headers::Headers;
use crate::recent::RecentCache;
use crate::{Code, Problem, Request, Scope, log};
use ask::{Ask, Reply};
#[cfg(target_arch = "wasm32")]
use component::Component;

mod ask;
#[cfg(target_arch = "wasm32")]
mod component;

/// The user of a valid token, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TokenUser {
    user: User,
    reads: bool,
    writes: bool,
}

thread_local! {
    static BY_TOKEN: Cell<Option<bool>> = const { Cell::new(None) };
    static TOKENS: RecentCache<TokenUser> = const { RecentCache::new() };
}

impl Request {
    /// The user that the request is for, who must be allowed `scope`.
    ///
    /// # Errors
    ///
    /// 401 `missing-identity` or `invalid-identity`; with tokens also 403 `insufficient-scope`, and 503 if they
    /// cannot be verified.
    pub async fn user(&self, scope: Scope) -> Result<User, Problem> {
        let by_token = by_token().await?;
        // Only tokens expire, and the time is a call of the host.
        let now = if by_token { now() } else { 0 };
        let user = user(self, by_token, scope, now, &Component).await?;
        self.note(log::user(&user));
        Ok(user)
    }

    /// Requires a token of any user, if the bank uses tokens.
    ///
    /// # Errors
    ///
    /// As [`Request::user`], without 403.
    pub async fn token(&self) -> Result<(), Problem> {
        if by_token().await? {
            let known = user_of_token(self, now(), &Component).await?;
            self.note(log::user(&known.user));
        }
        Ok(())
    }
}

async fn user(
    request: &Request,
    by_token: bool,
    scope: Scope,
    now: u64,
    identity: &impl Ask,
) -> Result<User, Problem> {
    if !by_token {
        return request
            .user_in_headers()?
            .ok_or_else(|| Problem::new(Code::MissingIdentity, "Name a user in the header user_id."));
    }
    let known = user_of_token(request, now, identity).await?;
    let is_allowed = match scope {
        Scope::Read => known.reads,
        Scope::Write => known.writes,
    };
    if is_allowed { Ok(known.user) } else { Err(Problem::scope(scope)) }
}

/// The user of the request's token. A header may name the same user too, and no other.
async fn user_of_token(request: &Request, now: u64, identity: &impl Ask) -> Result<TokenUser, Problem> {
    let known = verify_token(request, now, identity).await?;
    let named = request.user_in_headers().map_err(Problem::with_token_challenge)?;
    if named.is_some_and(|named| named != known.user) {
        return Err(Problem::bad_token("The token is another user's than the one that a header names."));
    }
    Ok(known)
}

/// The user of the request's token: remembered, or verified now.
async fn verify_token(request: &Request, now: u64, identity: &impl Ask) -> Result<TokenUser, Problem> {
    let sent = request.bearer()?;
    let token = Hash::of(sent);
    if let Some((known, _)) = TOKENS.with(|tokens| tokens.get(&token, now)) {
        return Ok(known);
    }
    let said = identity.ask(["Bearer ", sent].concat(), request.id()).await;
    let (known, seconds) = read_reply(said)?;
    TOKENS.with(|tokens| tokens.keep(token, known.clone(), now, seconds));
    Ok(known)
}

/// The user, and for how many seconds that may be remembered.
fn read_reply(said: Option<Reply>) -> Result<(TokenUser, u64), Problem> {
    let whole = said.and_then(|(status, fields)| match status {
        200 => Some(Ok((token_user(&fields)?, seconds(&fields)?))),
        401 => Some(Err(Problem::bad_token(token_error(&fields)?))),
        _ => None,
    });
    let unavailable = || Problem::untouched(Code::StorageUnavailable, "Tokens cannot be verified now.");
    whole.unwrap_or_else(|| Err(unavailable()))
}

fn token_user(fields: &Headers) -> Option<TokenUser> {
    let scopes = fields.first("scope")?;
    let has = |scope: Scope| scopes.split(' ').any(|one| one == scope.as_str());
    let user = fields.first("user-id")?.parse().ok()?;
    Some(TokenUser { user, reads: has(Scope::Read), writes: has(Scope::Write) })
}

fn seconds(fields: &Headers) -> Option<u64> {
    fields.first("cache-control")?.strip_prefix("max-age=")?.parse().ok()
}

/// What is wrong with the token: the `error_description` of RFC 6750.
fn token_error(fields: &Headers) -> Option<String> {
    fields.first("www-authenticate")?.split('"').nth(3).map(str::to_owned)
}

/// Whether `auth = jwt`, read once by each instance. If it cannot be read, nobody gets in.
async fn by_token() -> Result<bool, Problem> {
    if let Some(known) = BY_TOKEN.get() {
        return Ok(known);
    }
    let unknown =
        |_| Problem::untouched(Code::StorageUnavailable, "How users are known cannot be read: see the log.");
    let by_token = AUTH.text().await.map_err(unknown)? == "jwt";
    BY_TOKEN.set(Some(by_token));
    Ok(by_token)
}

/// In seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Only tests run natively, and they have an `identity` of their own.
#[cfg(not(target_arch = "wasm32"))]
struct Component;

#[cfg(not(target_arch = "wasm32"))]
impl Ask for Component {
    async fn ask(&self, _: String, _: &str) -> Option<Reply> {
        None
    }
}

#[cfg(test)]
mod tests;
