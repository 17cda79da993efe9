//! The dashboard and its files, as `build.rs` packed them.

use api::{Answer, Asset, Request};

use crate::page;

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at the path that is asked for.
pub fn file(request: &Request) -> Option<Answer> {
    Asset::find(ASSETS, request).map(|asset| page::guarded(asset.answer(request)))
}
