//! A token taken apart: a JWS in its compact form (RFC 7515, section 7.1).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::error::TokenError;
use crate::json;

/// The longest token that is accepted.
pub const MAX_BYTES: usize = 8 * 1024;

/// The `typ` of an access token, in lower case and without `application/`: none, what most issuers write, or what RFC
/// 9068 requires. A token of any other type is for something else (RFC 8725, section 3.11).
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A token whose header has been read. Nothing in it can be trusted before its signature was verified.
#[derive(Debug)]
pub struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) signature: Vec<u8>,
    /// What the signature covers: header and payload as they were sent.
    pub(crate) signed: &'a [u8],
    payload: &'a str,
}

impl<'a> Jws<'a> {
    /// Splits and decodes `token`.
    ///
    /// # Errors
    ///
    /// [`TokenError::TooLong`], [`TokenError::Malformed`], [`TokenError::Critical`], [`TokenError::Type`],
    /// [`TokenError::Algorithm`].
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header = decode(header).and_then(|header| json::object(&header)).ok_or(TokenError::Malformed)?;
        let signature = decode(signature).ok_or(TokenError::Malformed)?;
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        check_type(&header)?;
        let algorithm = text(&header, "alg")?.ok_or(TokenError::Malformed)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(TokenError::Algorithm)?;
        let key_id = text(&header, "kid")?.map(str::to_owned);
        Ok(Self { algorithm, key_id, signature, signed: signed.as_bytes(), payload })
    }

    /// The claims.
    ///
    /// # Errors
    ///
    /// [`TokenError::Malformed`] if they are not a JSON object.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        decode(self.payload).and_then(|payload| json::object(&payload)).ok_or(TokenError::Malformed)
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// A member that is text, if it is there.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, TokenError> {
    members.get(name).map(|value| value.as_str().ok_or(TokenError::Malformed)).transpose()
}

/// Refuses tokens that are not access tokens, and nested tokens (`cty`).
fn check_type(header: &Map<String, Value>) -> Result<(), TokenError> {
    let is_access = match text(header, "typ")? {
        None => true,
        Some(name) => {
            let name = name.to_ascii_lowercase();
            TYPES.contains(&name.strip_prefix("application/").unwrap_or(&name))
        }
    };
    if is_access && text(header, "cty")?.is_none() { Ok(()) } else { Err(TokenError::Type) }
}

#[cfg(test)]
impl<'a> Jws<'a> {
    /// A token of these parts, to verify only its signature.
    pub(crate) fn of_parts(algorithm: Algorithm, signed: &'a [u8], signature: &[u8]) -> Self {
        Self { algorithm, key_id: None, signature: signature.to_vec(), signed, payload: "" }
    }
}
