//! The files that `build.rs` packed, and how they are sent.

use api::{Answer, Request};
use bytes::Bytes;
use miniz_oxide::inflate::decompress_to_vec;

/// Only what the bank itself serves. Swagger UI's stylesheet has its pictures in `data:` addresses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What stands before the packed bytes in a gzip file without a name (RFC 1952).
const GZIP_HEADER: usize = 10;

/// A file.
pub struct Asset {
    path: &'static str,
    media_type: &'static str,
    tag: &'static str,
    packed: &'static [u8],
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    /// The file at this path.
    pub fn at(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    /// The file, unless the client has it; packed, if the client takes that.
    pub fn answer(&self, request: &Request) -> Answer {
        let answer = match () {
            () if request.has(self.tag) => Answer::not_modified(),
            () if takes_gzip(request) => {
                Answer::file(self.media_type, self.packed).with("content-encoding", "gzip")
            }
            () => Answer::file(self.media_type, self.unpacked()),
        };
        answer
            .with("etag", self.tag)
            .with("cache-control", "no-cache")
            .with("vary", "accept-encoding")
            .with("content-security-policy", POLICY)
            .with("referrer-policy", "no-referrer")
    }

    fn unpacked(&self) -> Bytes {
        let packed = self.packed.get(GZIP_HEADER..).unwrap_or_default();
        // It was packed when the component was built.
        decompress_to_vec(packed).unwrap_or_default().into()
    }
}

/// Whether the client says that it takes gzip, and not with a weight of zero.
fn takes_gzip(request: &Request) -> bool {
    let accepted = request.header("accept-encoding").unwrap_or_default();
    accepted.split(',').any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
