//! What the dashboard and `/docs` need to sign users in, and which hosts they may call (docs/security.md).
//!
//! It is a JavaScript module with the settings `auth`, `jwt_issuer`, `jwt_audience`, `jwt_scopes` and
//! `oidc_client_id`, and a `content-security-policy` that allows the issuer and no other host. Both depend on the
//! settings alone, so all banks give them the same entity tags. None of these settings is a secret.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use api::asset::{self, version};
use api::{Answer, Request, Scope};
use serde::Serialize;
use settings::{AUTH, JWT_AUDIENCE, JWT_ISSUER, JWT_SCOPES, OIDC_CLIENT_ID};

/// How users of a page sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SignIn {
    auth: String,
    issuer: String,
    audience: String,
    client: String,
    scopes: Vec<&'static str>,
}

/// Who the user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// The user that a header names.
    Header,
    /// The user that a bearer token names.
    Jwt,
}

thread_local! {
    static SIGN_IN: OnceCell<Rc<SignIn>> = const { OnceCell::new() };
}

/// The settings, read once by each instance. A bad setting counts as not given; a bad `auth` counts as `jwt`, which
/// lets nobody in.
pub async fn current() -> Rc<SignIn> {
    if let Some(known) = SIGN_IN.with(|known| known.get().cloned()) {
        return known;
    }
    let given = Rc::new(read_settings().await);
    SIGN_IN.with(|known| known.get_or_init(|| given).clone())
}

async fn read_settings() -> SignIn {
    let auth = AUTH.text().await.unwrap_or_else(|_| "jwt".to_owned());
    if auth != "jwt" {
        return SignIn { auth, ..SignIn::default() };
    }
    let is_on = JWT_SCOPES.text().await.is_ok_and(|scopes| scopes == "on");
    SignIn {
        auth,
        issuer: JWT_ISSUER.text().await.unwrap_or_default(),
        audience: JWT_AUDIENCE.text().await.unwrap_or_default(),
        client: OIDC_CLIENT_ID.text().await.unwrap_or_default(),
        scopes: if is_on { [Scope::Read, Scope::Write].map(Scope::as_str).to_vec() } else { Vec::new() },
    }
}

impl SignIn {
    /// Who the user is.
    #[must_use]
    pub fn auth(&self) -> Auth {
        if self.auth == "jwt" { Auth::Jwt } else { Auth::Header }
    }

    /// `jwt_issuer`, without a slash at its end.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    /// The settings as a module, or a 304 if the client has it.
    #[must_use]
    pub fn module(&self, request: &Request) -> Answer {
        let text = serde_json::to_string(self).unwrap_or_default();
        let text = format!("export default {text};\n");
        let version = version(&text);
        asset::generated(request, "text/javascript; charset=utf-8", &version, || text.into_bytes())
    }

    /// The policy of a page: it loads only what the bank itself serves, has no inline code, and may call the issuer
    /// if users sign in. It sends no forms: signing in is a navigation.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let issuer = if self.client.is_empty() { None } else { origin(&self.issuer) };
        let asked = issuer.map(|issuer| format!(" {issuer}")).unwrap_or_default();
        Policy(format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'{asked}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ))
    }
}

/// A `content-security-policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy(String);

impl Policy {
    /// The policy's part of a page's entity tag. Browsers keep the policy together with the page, and Chromium takes
    /// no new one from a 304.
    #[must_use]
    pub fn version(&self) -> String {
        version(&self.0)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_token() -> SignIn {
        SignIn {
            auth: "jwt".into(),
            issuer: "https://login.example.com:8443/realms/bank/".into(),
            audience: "https://bank.example.com".into(),
            client: "page".into(),
            scopes: vec!["wallet:read"],
        }
    }

    fn asked(tag: Option<&str>) -> Request {
        let request = http::Request::get("/settings.js");
        let request = tag.iter().fold(request, |request, tag| request.header("if-none-match", *tag));
        Request::new(request.body(String::new()).unwrap())
    }

    #[test]
    fn the_policy_names_the_issuer_where_users_sign_in_and_nobody_else() {
        let header = SignIn { auth: "header".into(), ..by_token() };
        let no_client = SignIn { client: String::new(), ..by_token() };
        for (sign_in, connect) in [
            (SignIn::default(), "connect-src 'self';"),
            (no_client, "connect-src 'self';"),
            (by_token(), "connect-src 'self' https://login.example.com:8443;"),
            (
                SignIn { issuer: "http://user@127.0.0.1:1?a".into(), ..header },
                "connect-src 'self' http://127.0.0.1:1;",
            ),
        ] {
            let policy = sign_in.policy().to_string();
            assert!(policy.contains(connect), "{policy}");
            assert!(policy.contains("form-action 'none'") && !policy.contains("unsafe"), "{policy}");
        }
    }

    /// Its status, its entity tag and its body.
    fn answered(sign_in: &SignIn, tag: Option<&str>) -> (u16, String, String) {
        let (status, fields, mut body) = sign_in.module(&asked(tag)).into_parts("r");
        let (_, tag) = fields.into_iter().find(|(name, _)| *name == "etag").unwrap();
        (status.as_u16(), tag.into_owned(), String::from_utf8(body.next_piece().unwrap_or_default()).unwrap())
    }

    #[test]
    fn the_module_and_the_policy_have_other_tags_for_other_settings() {
        let other = SignIn { client: "other".into(), ..by_token() };
        let elsewhere = SignIn { issuer: "https://elsewhere.example.com".into(), ..by_token() };
        let (_, tag, _) = answered(&by_token(), None);
        assert_eq!(answered(&by_token(), Some(&tag)), (304, tag.clone(), String::new()));
        assert_eq!(answered(&other, Some(&tag)).0, 200);
        assert_eq!(by_token().policy().version(), other.policy().version());
        assert_ne!(by_token().policy().version(), elsewhere.policy().version());
    }

    #[test]
    fn the_module_is_the_settings() {
        let module = "export default {\"auth\":\"jwt\",\"issuer\":\"https://login.example.com:8443/realms/bank/\",\
                      \"audience\":\"https://bank.example.com\",\"client\":\"page\",\"scopes\":[\"wallet:read\"]};\n";
        assert_eq!(answered(&by_token(), None).2, module);
        assert_eq!(by_token().issuer(), "https://login.example.com:8443/realms/bank");
    }
}
