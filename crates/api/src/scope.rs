//! The scopes of a token: what it may allow (docs/security.md).

/// What a route asks for, with `jwt_scopes = on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `wallet:read`
    Read,
    /// `wallet:write`
    Write,
}

impl Scope {
    /// As it stands in a token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "wallet:read",
            Self::Write => "wallet:write",
        }
    }
}
