//! The settings of identity, read once by each instance, and the source of the keys.

use std::cell::RefCell;
use std::rc::Rc;

use api::Problem;
use eventlog::Level;
use ledger::Hash;
use settings::{AUTH, JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, JWT_SCOPES, JWT_SECRET, JWT_USER_CLAIM};
use token::{KeySet, Rules};

use crate::problem::unavailable;

/// What tokens must say, and whose signature they need.
#[derive(Debug)]
pub struct Settings {
    /// `jwt_issuer`, `jwt_audience`, `jwt_user_claim`
    pub rules: Rules,
    /// Where the keys come from that they are signed with.
    pub key_source: KeySource,
    /// `jwt_scopes`
    pub asks_for_scopes: bool,
}

/// The source of the keys: one and no other.
#[derive(Debug)]
pub enum KeySource {
    /// `jwt_secret`
    Secret(KeySet),
    /// What the issuer publishes.
    Issuer(KeyLocation),
}

/// The place where an issuer publishes its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLocation {
    /// `jwt_issuer`
    pub issuer: String,
    /// `jwt_jwks_url`; without it the issuer's discovery document says where they are.
    pub jwks_url: Option<String>,
}

impl KeyLocation {
    /// A name that is unique to this source, for the names of stored keys: banks with different sources may share a
    /// store.
    pub fn name(&self) -> String {
        let jwks_url = self.jwks_url.as_deref().unwrap_or_default();
        let mut name = Hash::of([&self.issuer, "\n", jwks_url].concat()).to_string();
        name.truncate(16);
        name
    }
}

/// Settings as they are given.
#[derive(Debug, Clone, Default)]
pub struct RawSettings {
    pub issuer: String,
    pub audience: String,
    pub user_claim: String,
    pub jwks_url: String,
    pub secret: String,
    pub scopes: String,
}

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

/// The settings of this component.
///
/// # Errors
///
/// 404 with `auth = header`; 503 if they are bad or contradict one another: then nobody gets in.
pub async fn current() -> Result<Rc<Settings>, Problem> {
    if let Some(known) = SETTINGS.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let bad = |_| unavailable("A setting of tokens is bad: see bad-setting in the log.");
    if AUTH.text().await.map_err(bad)? != "jwt" {
        return Err(Problem::not_found());
    }
    let given = RawSettings {
        issuer: JWT_ISSUER.text().await.map_err(bad)?,
        audience: JWT_AUDIENCE.text().await.map_err(bad)?,
        user_claim: JWT_USER_CLAIM.text().await.map_err(bad)?,
        jwks_url: JWT_JWKS_URL.text().await.map_err(bad)?,
        secret: JWT_SECRET.text().await.map_err(bad)?,
        scopes: JWT_SCOPES.text().await.map_err(bad)?,
    };
    let settings = Settings::new(given).map_err(|(name, allowed)| {
        eventlog::event(Level::Error, "bad-setting", [("setting", name.into()), ("allowed", allowed.into())]);
        unavailable("The settings of tokens do not go together: see bad-setting in the log.")
    })?;
    let settings = Rc::new(settings);
    SETTINGS.set(Some(settings.clone()));
    Ok(settings)
}

impl Settings {
    /// Settings that fit together, or the name of one that does not, and what is allowed.
    pub fn new(given: RawSettings) -> Result<Self, (&'static str, &'static str)> {
        let RawSettings { issuer, audience, user_claim, jwks_url, secret, scopes } = given;
        if issuer.is_empty() {
            return Err(("jwt_issuer", "with auth = jwt the `iss` of every token"));
        }
        if audience.is_empty() {
            return Err(("jwt_audience", "with auth = jwt one `aud` of every token"));
        }
        let key_source = match (secret.is_empty(), jwks_url.is_empty()) {
            (true, is_discovered) => KeySource::Issuer(KeyLocation {
                issuer: issuer.clone(),
                jwks_url: (!is_discovered).then_some(jwks_url),
            }),
            (false, true) => KeySource::Secret(
                KeySet::of_secret(secret.as_bytes()).ok_or(("jwt_secret", "at least 32 characters"))?,
            ),
            (false, false) => return Err(("jwt_secret", "either jwt_secret or jwt_jwks_url, not both")),
        };
        Ok(Self {
            rules: Rules { issuer, audience, user_claim },
            key_source,
            asks_for_scopes: scopes == "on",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_one_source_and_issuer_and_audience_are_demanded() {
        let given = |issuer: &str, audience: &str, jwks_url: &str, secret: &str| RawSettings {
            issuer: issuer.into(),
            audience: audience.into(),
            user_claim: "sub".into(),
            jwks_url: jwks_url.into(),
            secret: secret.into(),
            scopes: "off".into(),
        };
        let long = "0123456789abcdef0123456789abcdef";
        for (given, wrong) in [
            (given("https://i", "bank", "", ""), None),
            (given("https://i", "bank", "https://k", ""), None),
            (given("https://i", "bank", "", long), None),
            (given("", "bank", "", ""), Some("jwt_issuer")),
            (given("https://i", "", "", ""), Some("jwt_audience")),
            (given("https://i", "bank", "https://k", long), Some("jwt_secret")),
            (given("https://i", "bank", "", long.trim_start_matches('0')), Some("jwt_secret")),
        ] {
            assert_eq!(Settings::new(given.clone()).err().map(|(name, _)| name), wrong, "{given:?}");
        }
    }
}
