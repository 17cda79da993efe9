//! The dashboard and its files, as `build.rs` packed them, and how users sign in there.

use api::{Answer, Asset, Request};

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at the path that is asked for.
pub async fn file(request: &Request) -> Option<Answer> {
    if request.path() == "/settings.js" {
        return Some(signin::current().await.module(request));
    }
    let asset = Asset::find(ASSETS, request.path())?;
    let policy = signin::current().await.policy();
    let answer = asset.answer_with(request, &policy.version());
    Some(answer.with("content-security-policy", policy.to_string()).with("referrer-policy", "no-referrer"))
}
