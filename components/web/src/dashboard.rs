//! The dashboard's files: built in, each under a path of its own, with a tag made of its content.

use api::{Answer, Request};

use crate::page;

/// A file of `assets/`.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    body: &'static str,
    hash: u64,
}

macro_rules! assets {
    ($($path:literal: $file:literal, $media_type:literal;)*) => {
        &[$(Asset {
            path: $path,
            media_type: $media_type,
            body: include_str!(concat!("../assets/", $file)),
            hash: fnv(include_bytes!(concat!("../assets/", $file))),
        }),*]
    };
}

static ASSETS: &[Asset] = assets! {
    "/": "index.html", "text/html; charset=utf-8";
    "/assets/dashboard.css": "dashboard.css", "text/css; charset=utf-8";
    "/assets/mark.svg": "mark.svg", "image/svg+xml";
    "/assets/theme.js": "theme.js", "text/javascript; charset=utf-8";
    "/assets/main.js": "main.js", "text/javascript; charset=utf-8";
    "/assets/http.js": "http.js", "text/javascript; charset=utf-8";
    "/assets/page.js": "page.js", "text/javascript; charset=utf-8";
    "/assets/operation.js": "operation.js", "text/javascript; charset=utf-8";
    "/assets/form.js": "form.js", "text/javascript; charset=utf-8";
    "/assets/rates.js": "rates.js", "text/javascript; charset=utf-8";
    "/assets/picture.js": "picture.js", "text/javascript; charset=utf-8";
    "/assets/converter.js": "converter.js", "text/javascript; charset=utf-8";
    "/assets/counter.js": "counter.js", "text/javascript; charset=utf-8";
    "/assets/wallet.js": "wallet.js", "text/javascript; charset=utf-8";
    "/assets/chain.js": "chain.js", "text/javascript; charset=utf-8";
};

/// The file at this path, unless the client has it: it asks each time, and is told in a few bytes.
pub fn file(request: &Request) -> Option<Answer> {
    let asset = ASSETS.iter().find(|asset| asset.path == request.path())?;
    let tag = format!("\"{:016x}\"", asset.hash);
    let answer = match request.has(&tag) {
        true => Answer::not_modified(),
        false => page::guarded(Answer::file(asset.media_type, asset.body)),
    };
    Some(answer.with("etag", tag).with("cache-control", "no-cache"))
}

/// FNV-1a: enough to tell two builds apart.
const fn fnv(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}
