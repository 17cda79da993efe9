//! Files that a component keeps gzipped (`crates/pack`), and sends gzipped to clients that accept gzip.
//!
//! Packed and plain are two representations of a file. Each has an entity tag of its own, and `vary` tells caches
//! to keep them apart (RFC 9110, sections 8.8.3.3 and 12.5.3). A client that does not say what it accepts gets the
//! plain file.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::answer::AnswerBody;
use crate::headers::{Headers, text};
use crate::{Answer, Request};

/// The length of a gzip header without a file name (RFC 1952).
const GZIP_HEADER: usize = 10;
/// How far back deflate may refer (RFC 1951), and the size of the pieces that are unpacked while the client reads.
const PIECE_BYTES: usize = 32 * 1024;
/// How much of a packed file is unpacked at a time. Hundreds of clients may ask for a file at the same moment, and
/// all other requests wait during a step.
const STEP_BYTES: usize = 1024;
/// A weight of one, in thousandths.
const FULL_WEIGHT: u16 = 1000;

/// A file.
#[derive(Debug)]
pub struct Asset {
    path: &'static str,
    media_type: &'static str,
    /// The hash of the plain bytes.
    hash: &'static str,
    /// The gzipped bytes.
    packed: &'static [u8],
}

impl Asset {
    /// A file that was packed when the component was built.
    #[must_use]
    pub const fn new(
        path: &'static str,
        media_type: &'static str,
        hash: &'static str,
        packed: &'static [u8],
    ) -> Self {
        Self { path, media_type, hash, packed }
    }

    /// The file at this path.
    #[must_use]
    pub fn find<'a>(all: &'a [Self], path: &str) -> Option<&'a Self> {
        all.iter().find(|asset| asset.path == path)
    }

    /// The file, or a short 304 if the client has it.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Answer {
        self.answer_with(request, "")
    }

    /// Like [`Asset::answer`], for a file that browsers cache together with its headers: the entity tag also contains
    /// the `version` of these headers.
    #[must_use]
    pub fn answer_with(&self, request: &Request, version: &str) -> Answer {
        let is_packed = accepts_gzip(request.headers());
        let dash = if version.is_empty() { "" } else { "-" };
        let tag = format!("\"{}{dash}{version}{}\"", self.hash, if is_packed { "-gzip" } else { "" });
        let answer = match () {
            () if request.has(&tag) => Answer::not_modified(),
            () if is_packed => {
                Answer::file(self.media_type, packed_body(self.packed)).with("content-encoding", "gzip")
            }
            () => Answer::file(self.media_type, unpacked_body(self.packed)),
        };
        answer.with("etag", tag).with("cache-control", "no-cache").with("vary", "accept-encoding")
    }

    /// The file, unpacked, with `text` in place of `blank`. The file is JSON, and the blank is inside its strings.
    #[must_use]
    pub fn answer_filled(&self, request: &Request, blank: &str, text: &str) -> Answer {
        let text = serde_json::to_string(text).unwrap_or_default();
        let text = text.trim_matches('"');
        generated(request, self.media_type, &format!("{}-{}", self.hash, version(text)), || {
            let plain: Vec<u8> = Unpacking::of(self.packed).flatten().collect();
            String::from_utf8(plain).unwrap_or_default().replace(blank, text).into_bytes()
        })
    }
}

/// A generated file, or a 304 if the client has this version of it.
#[must_use]
pub fn generated(
    request: &Request,
    media_type: &'static str,
    version: &str,
    make: impl FnOnce() -> Vec<u8>,
) -> Answer {
    let tag = format!("\"{version}\"");
    let answer = if request.has(&tag) { Answer::not_modified() } else { Answer::file(media_type, make()) };
    answer.with("etag", tag).with("cache-control", "no-cache")
}

/// A short name for a text, for entity tags.
#[must_use]
pub fn version(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A gzip file as it is.
fn packed_body(file: &'static [u8]) -> AnswerBody {
    AnswerBody::Pieces(file.len(), Box::new(file.chunks(PIECE_BYTES).map(<[u8]>::to_vec)))
}

/// The contents of a gzip file. Its last four bytes are their length (RFC 1952, ISIZE).
fn unpacked_body(file: &'static [u8]) -> AnswerBody {
    let length = file.last_chunk().copied().map_or(0, u32::from_le_bytes);
    AnswerBody::Pieces(usize::try_from(length).unwrap_or_default(), Box::new(Unpacking::of(file)))
}

/// Unpacks a gzip file piece by piece.
struct Unpacking {
    state: Box<DecompressorOxide>,
    /// The bytes unpacked last, as a ring: the next ones may repeat any of them.
    window: Box<[u8; PIECE_BYTES]>,
    /// Where the next piece begins in `window`.
    at: usize,
    /// The packed bytes that were not unpacked yet.
    rest: &'static [u8],
    is_done: bool,
}

impl Unpacking {
    /// Unpacks `packed`, which was packed when the component was built.
    fn of(packed: &'static [u8]) -> Self {
        let rest = packed.get(GZIP_HEADER..).unwrap_or_default();
        Self { state: Box::default(), window: Box::new([0; PIECE_BYTES]), at: 0, rest, is_done: false }
    }
}

impl Iterator for Unpacking {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while !self.is_done {
            let step = self.rest.get(..STEP_BYTES).unwrap_or(self.rest);
            let more = if step.len() < self.rest.len() { TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
            let flags = more | TINFL_FLAG_IGNORE_ADLER32;
            let (status, read, written) =
                decompress(&mut self.state, step, &mut *self.window, self.at, flags);
            self.is_done = !matches!(status, TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput);
            self.rest = self.rest.get(read..).unwrap_or_default();
            let (from, to) = (self.at, self.at.saturating_add(written));
            self.at = to % PIECE_BYTES;
            if let Some(piece) = self.window.get(from..to).filter(|piece| !piece.is_empty()) {
                return Some(piece.to_vec());
            }
        }
        None
    }
}

/// Whether the client accepts gzip, and prefers it or does not care.
fn accepts_gzip(headers: &Headers) -> bool {
    let (mut gzip, mut other, mut plain) = (None, None, None);
    let values = headers.all("accept-encoding").filter_map(text);
    for one in values.flat_map(|value| value.split(',')) {
        let (coding, parameters) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight(parameters);
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(weight)),
            "identity" => plain = Some(weight),
            "*" => other = Some(weight),
            _ => (),
        }
    }
    let gzip = gzip.or(other).unwrap_or(0);
    gzip > 0 && gzip >= plain.unwrap_or(0)
}

/// The weight among the parameters of a coding, in thousandths: 1000 without one, 0 if it is not a valid weight.
fn weight(parameters: &str) -> u16 {
    let mut named = parameters.split(';').filter_map(|one| one.split_once('='));
    match named.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) {
        Some((_, value)) => thousandths(value.trim()).unwrap_or(0),
        None => FULL_WEIGHT,
    }
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match (whole, format!("{fraction:0<3}").parse().ok()?) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(FULL_WEIGHT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bytes::Bytes;

    use super::*;

    /// `plain`, as `gzip -9` packs it.
    const PACKED: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x2b\xc8\x49\xcc\xcc\x03\0\xcf\x62\x20\x19\x05\0\0\0";
    static ASSET: Asset = Asset::new("/a", "text/css; charset=utf-8", "0123", PACKED);

    fn answered(fields: &[(&str, &str)]) -> http::Response<Bytes> {
        let request = http::Request::get("/a");
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        ASSET.answer(&Request::new(request.body(String::new()).unwrap())).into_response("r")
    }

    #[test]
    fn weights_decide_what_is_sent() {
        for (accepted, is_packed) in [
            (&["gzip"][..], true),
            (&["x-gzip"], true),
            (&["deflate, GZIP;q=0.001"], true),
            (&["br", "gzip"], true),
            (&["*"], true),
            (&["*;q=0, gzip"], true),
            (&["gzip ; Q=1.000"], true),
            (&["identity;q=0.5, gzip;q=0.5"], true),
            (&["identity;q=0"], false),
            (&[], false),
            (&[""], false),
            (&["br, deflate"], false),
            (&["gzip;q=0"], false),
            (&["gzip;q=0.000"], false),
            (&["gzip;q=0, *"], false),
            (&["*;q=0"], false),
            (&["identity, gzip;q=0.5"], false),
            (&["gzip;q=2"], false),
            (&["gzip;q=much"], false),
            (&["notgzip"], false),
        ] {
            let fields: Vec<_> = accepted.iter().map(|value| ("accept-encoding", *value)).collect();
            let response = answered(&fields);
            assert_eq!(response.headers().contains_key("content-encoding"), is_packed, "{accepted:?}");
            assert_eq!(response.headers()["vary"], "accept-encoding");
            assert_eq!(response.body(), if is_packed { PACKED } else { b"plain" }, "{accepted:?}");
        }
    }

    #[test]
    fn a_file_that_goes_out_with_other_headers_has_another_tag() {
        let asked = |tag: &str| {
            let request = http::Request::get("/a").header("if-none-match", tag);
            let request = Request::new(request.body(String::new()).unwrap());
            ASSET.answer_with(&request, "5678").into_response("r")
        };
        assert_eq!(asked("\"0123-5678\"").status(), 304);
        let response = asked("\"0123\"");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["etag"]),
            (200, &"\"0123-5678\"".parse().unwrap())
        );
    }

    #[test]
    fn a_blank_is_filled_with_what_json_makes_of_a_text() {
        let asked = |tag: &str, text: &str| {
            let request =
                http::Request::get("/a").header("if-none-match", tag).header("accept-encoding", "gzip");
            ASSET
                .answer_filled(&Request::new(request.body(String::new()).unwrap()), "ai", text)
                .into_response("r")
        };
        let response = asked("\"0123\"", "A\"I");
        assert_eq!(response.body(), b"plA\\\"In".as_slice());
        let tag = response.headers()["etag"].to_str().unwrap();
        assert_eq!(asked(tag, "A\"I").status(), 304);
        assert_eq!(asked(tag, "AI").status(), 200);
    }

    #[test]
    fn a_file_is_found_by_its_path_alone() {
        let all = ["/", "/a", "/a/b"].map(|path| Asset::new(path, "text/html; charset=utf-8", "0", PACKED));
        let found = |target: &str| {
            let request = Request::new(http::Request::get(target).body(String::new()).unwrap());
            Asset::find(&all, request.path()).map(|asset| asset.path)
        };
        for (target, path) in [("/", "/"), ("/a", "/a"), ("/a?b=c", "/a"), ("/a/b", "/a/b")] {
            assert_eq!(found(target), Some(path), "{target}");
        }
        assert_eq!(found("/b"), None);
    }

    #[test]
    fn a_file_is_unpacked_a_piece_at_a_time() {
        for size in [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES + 7] {
            // It repeats what is nearly a window away, and parts of it cannot be packed.
            let mut plain: Vec<u8> = (0..size).map(|at| (at * at % 251 * (at / 977) % 256) as u8).collect();
            plain.extend_from_within(..);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&plain).unwrap();
            let packed: &[u8] = encoder.finish().unwrap().leak();
            for (mut body, expected) in [(packed_body(packed), packed), (unpacked_body(packed), &plain[..])] {
                let AnswerBody::Pieces(length, _) = body else { panic!("{body:?}") };
                assert_eq!(length, expected.len());
                let pieces: Vec<_> = std::iter::from_fn(|| body.next_piece()).collect();
                assert!(pieces.iter().all(|piece| (1..=PIECE_BYTES).contains(&piece.len())), "{size}");
                assert!(pieces.concat() == expected, "{size}");
                // No piece is made of more than a step of the packed file.
                assert!(length == packed.len() || pieces.len() >= packed.len() / STEP_BYTES, "{size}");
            }
        }
    }

    #[test]
    fn packed_and_plain_have_tags_of_their_own() {
        let gzip = ("accept-encoding", "gzip");
        assert_eq!(answered(&[]).headers()["etag"], "\"0123\"");
        assert_eq!(answered(&[gzip]).headers()["etag"], "\"0123-gzip\"");
        for (fields, status) in [
            (&[("if-none-match", "\"0123\"")][..], 304),
            (&[("if-none-match", "\"0123-gzip\"")], 200),
            (&[("if-none-match", "\"0123-gzip\""), gzip], 304),
            (&[("if-none-match", "\"0123\""), gzip], 200),
            (&[("if-none-match", "\"0123\", W/\"0123-gzip\""), gzip], 304),
            (&[("if-none-match", "\"x\""), ("if-none-match", "\"0123\"")], 304),
            (&[("if-none-match", "*"), gzip], 304),
        ] {
            let response = answered(fields);
            assert_eq!(response.status(), status, "{fields:?}");
            assert_eq!(response.headers()["vary"], "accept-encoding");
            assert!(response.headers().contains_key("etag"));
            assert_eq!(
                response.headers().contains_key("content-encoding"),
                status == 200 && fields.contains(&gzip)
            );
        }
    }
}
