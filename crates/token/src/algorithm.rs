//! The algorithms that a token may be signed with (RFC 7518, section 3; RFC 8037; RFC 9864).

/// An accepted algorithm. `none`, and any algorithm that is not listed, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// EdDSA on Ed25519.
    Ed25519,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// The algorithm with this `alg`. Names are case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::Ed25519),
            "HS256" => Some(Self::Hs256),
            _ => None,
        }
    }
}
