//! The issuer's documents: its discovery document (OpenID Connect Discovery 1.0, section 4), which says where its keys
//! are, and the keys.
//!
//! Both together take 3 seconds at most, 64 KiB each. Redirects are not followed. Keys of an issuer that speaks TLS
//! are not fetched without it.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use serde::Deserialize;
use token::KeySet;

use crate::outside::Outside;
use crate::settings::Source;

/// How long a fetch may take, in all.
pub const DEADLINE: Duration = Duration::from_secs(3);
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Fetches a key set with keys that can be used.
///
/// # Errors
/// Why there is none, for the log.
pub async fn fetch(outside: &impl Outside, source: &Source) -> Result<Vec<u8>, String> {
    match select(pin!(fetched(outside, source)), pin!(outside.pause(DEADLINE))).await {
        Either::Left((keys, _)) => keys,
        Either::Right(_) => Err("no answer within 3 seconds".to_owned()),
    }
}

async fn fetched(outside: &impl Outside, source: &Source) -> Result<Vec<u8>, String> {
    let url = match &source.jwks_url {
        Some(url) => url.clone(),
        None => discovered(outside, &source.issuer).await?,
    };
    let keys = document(outside, &url, "the key set").await?;
    match KeySet::of_issuer(&keys) {
        Some(set) if !set.is_empty() => Ok(keys),
        Some(_) => Err("the key set has no key that can be used".to_owned()),
        None => Err("the key set is no JSON Web Key Set".to_owned()),
    }
}

/// Where the issuer says that its keys are.
async fn discovered(outside: &impl Outside, issuer: &str) -> Result<String, String> {
    let url = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
    let found = document(outside, &url, "the discovery document").await?;
    let found: Discovery =
        serde_json::from_slice(&found).map_err(|_| "the discovery document cannot be read".to_owned())?;
    if found.issuer != issuer {
        return Err("the discovery document is another issuer's".to_owned());
    }
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme(issuer).as_deref(), scheme(&found.jwks_uri).as_deref()) {
        (_, Some("https")) | (Some("http"), Some("http")) => Ok(found.jwks_uri),
        _ => Err("the discovery document names keys that are fetched without TLS".to_owned()),
    }
}

async fn document(outside: &impl Outside, url: &str, what: &str) -> Result<Vec<u8>, String> {
    match outside.get(url).await {
        Ok((200, body)) => Ok(body),
        Ok((status @ 300..400, _)) => Err(format!("{what}: status {status}; redirects are not followed")),
        Ok((status, _)) => Err(format!("{what}: status {status}")),
        Err(why) => Err(format!("{what}: {why}")),
    }
}
