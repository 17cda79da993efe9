//! What a request must prove: nothing, or with `auth = jwt` a bearer token.

use utoipa::openapi::security::{
    HttpAuthScheme, HttpBuilder, OpenIdConnect, SecurityRequirement, SecurityScheme,
};

/// The setting `auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// A header names the user, and is believed whoever sends it.
    Header,
    /// A token names the user.
    Jwt,
}

/// What an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: anybody may call it.
    Open,
    /// A token of any user.
    AnyToken,
    /// A user; a token must have this scope.
    User(&'static str),
}

/// Stands for `jwt_issuer` in the document of a bank that uses tokens; the component fills it in when it serves the
/// document.
pub const ISSUER: &str = "https://issuer.invalid";

impl AuthMode {
    /// The text that comes before everything else about the bank.
    pub fn description(self) -> &'static str {
        match self {
            Self::Header => {
                "**This bank believes the header that names the user (`auth=header`): whoever can reach it moves \
                 anybody's money.** That is for local use, or behind a gateway that sets the header."
            }
            Self::Jwt => {
                "**Users are known by their tokens** (`auth=jwt`): `authorization: Bearer …`, a JWT of the bank's issuer \
                 for its audience. Wallets ask for one, with the scopes `wallet:read` and `wallet:write` where \
                 `jwt_scopes` is `on`; posts to counters ask for any. A `user_id` header beside it must name the same user. A request \
                 that is answered 401 moved no money, but an earlier try may have: send it again, under the same key, with \
                 another token."
            }
        }
    }

    /// The alternatives that an operation accepts; none if it requires nothing.
    pub fn requirements(self, access: Access) -> Vec<SecurityRequirement> {
        let scopes = match (self, access) {
            (Self::Header, _) | (_, Access::Open) => return Vec::new(),
            (Self::Jwt, Access::AnyToken) => None,
            (Self::Jwt, Access::User(scope)) => Some(scope),
        };
        vec![
            SecurityRequirement::new("token", scopes.filter(|_| false)),
            SecurityRequirement::new("issuer", scopes),
        ]
    }

    /// How a token is sent.
    pub fn schemes(self) -> Vec<(&'static str, SecurityScheme)> {
        if self == Self::Header {
            return Vec::new();
        }
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A token that is there already, such as that of a service."))
            .build();
        let url = format!("{ISSUER}/.well-known/openid-configuration");
        let issuer =
            OpenIdConnect::with_description(url, "Sign in with the bank's issuer, for a token.".to_owned());
        vec![("token", SecurityScheme::Http(token)), ("issuer", SecurityScheme::OpenIdConnect(issuer))]
    }
}
