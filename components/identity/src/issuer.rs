//! Fetches the issuer's documents: its discovery document (OpenID Connect Discovery 1.0, section 4), which says
//! where its keys are, and the keys.
//!
//! Both together take at most 3 seconds, and each is at most 64 KiB. A redirect is followed only to the same
//! origin. If the issuer's address is https, its keys are never fetched without TLS. A discovery document cannot
//! point at the application's own components.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use serde::Deserialize;

use crate::environment::{Environment, FetchedDocument};
use crate::settings::KeyLocation;

/// How long a fetch may take, in all.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 3;
/// The domain of calls between components.
const COMPONENT_DOMAIN: &str = "spin.internal";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Fetches a key set; its contents are checked later.
///
/// # Errors
///
/// Why there is none, for the log.
pub async fn fetch(environment: &impl Environment, source: &KeyLocation) -> Result<Vec<u8>, String> {
    match select(pin!(fetch_keys(environment, source)), pin!(environment.pause(DEADLINE))).await {
        Either::Left((keys, _)) => keys,
        Either::Right(_) => Err("no answer within 3 seconds".to_owned()),
    }
}

async fn fetch_keys(environment: &impl Environment, source: &KeyLocation) -> Result<Vec<u8>, String> {
    let url = match &source.jwks_url {
        Some(url) => url.clone(),
        None => discover(environment, &source.issuer).await?,
    };
    document(environment, &url, "the key set").await
}

/// The address of the keys, as the issuer's discovery document says.
async fn discover(environment: &impl Environment, issuer: &str) -> Result<String, String> {
    let url = format!("{}{DISCOVERY_PATH}", issuer.trim_end_matches('/'));
    let found = document(environment, &url, "the discovery document").await?;
    let found: Discovery =
        serde_json::from_slice(&found).map_err(|_| "the discovery document cannot be read".to_owned())?;
    if found.issuer != issuer {
        return Err("the discovery document is another issuer's".to_owned());
    }
    if is_own_component(&found.jwks_uri) {
        return Err("the discovery document names keys inside of this application".to_owned());
    }
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme(issuer).as_deref(), scheme(&found.jwks_uri).as_deref()) {
        (_, Some("https")) | (Some("http"), Some("http")) => Ok(found.jwks_uri),
        _ => Err("the discovery document names keys that are fetched without TLS".to_owned()),
    }
}

async fn document(environment: &impl Environment, url: &str, what: &str) -> Result<Vec<u8>, String> {
    let mut url = url.to_owned();
    for _ in 0..=MAX_REDIRECTS {
        let FetchedDocument { status, location, body } =
            environment.get(&url).await.map_err(|why| format!("{what}: {why}"))?;
        match (status, location) {
            (200, _) => return Ok(body),
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                let same = redirect_target(&url, &location);
                url = same.ok_or_else(|| format!("{what}: status {status} leads to another origin"))?;
            }
            _ => return Err(format!("{what}: status {status}")),
        }
    }
    Err(format!("{what}: more than {MAX_REDIRECTS} redirects"))
}

/// The target of a redirect, if it has the same origin.
fn redirect_target(url: &str, location: &str) -> Option<String> {
    let origin = origin(url)?;
    if location.starts_with('/') && !location.starts_with("//") {
        return Some([origin, location].concat());
    }
    self::origin(location).filter(|other| other.eq_ignore_ascii_case(origin)).map(|_| location.to_owned())
}

/// Scheme and authority of an address.
fn origin(url: &str) -> Option<&str> {
    let begin = url.find("://")?.saturating_add(3);
    let length = url.get(begin..)?.find(['/', '?', '#', '\\']);
    length.map_or(Some(url), |length| url.get(..begin.saturating_add(length)))
}

/// Whether an address is one of the application's own components (`http://NAME.spin.internal`).
fn is_own_component(url: &str) -> bool {
    let authority =
        origin(url).and_then(|origin| origin.split_once("://")).map_or("", |(_, authority)| authority);
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(COMPONENT_DOMAIN).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
