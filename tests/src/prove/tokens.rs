//! A bank with `auth=jwt`, seen from outside: which requests are served, how often the issuer is asked, and what is
//! never logged.
//!
//! `gate.rs`: every route with every kind of token. `rotation.rs`: an issuer that changes its keys, dies and lies.

use crate::prove::ProveArguments;
use crate::prove::deployment::{Plan, StoreUnderTest};
use crate::prove::summary::Summary;
use crate::token::{self, SECRET};
use anyhow::ensure;
use std::process::Stdio;
use tokio::process::Command;

mod gate;
mod log;
mod rotation;

pub use log::assert_not_logged;

/// Scenarios with one secret.
pub async fn run_with_secret(arguments: &ProveArguments, summary: &mut Summary) {
    let plan = || Plan { processes: 1, ..arguments.plan(StoreUnderTest::Sqlite) };
    let name = "tokens: every route, with every token that is good or not";
    summary.scenario(name, gate::try_every_token(plan().with_tokens())).await;
    let name = "tokens: switching auth never changes a wallet";
    summary.scenario(name, gate::switch_authentication(plan())).await;
    let name = "tokens: a token is good until it expires, and not remembered past that";
    summary.scenario(name, gate::let_token_expire(plan().with_tokens())).await;
    let name = "tokens: settings that do not go together are refused at the start";
    summary.scenario(name, refuse_conflicting_settings(&plan())).await;
}

/// Scenarios with an issuer.
pub async fn run_with_issuer(arguments: &ProveArguments, summary: &mut Summary) {
    let name = "tokens: three banks ask the issuer once, follow its new keys, and do without it for a day";
    summary.scenario(name, rotation::rotate_keys(arguments.plan(StoreUnderTest::KvOnRedis))).await;
    let name = "tokens: an issuer that lies, hangs or says too much is not believed, and is left alone";
    let plan = Plan { processes: 1, ..arguments.plan(StoreUnderTest::Sqlite) };
    summary.scenario(name, rotation::refuse_lying_issuers(plan)).await;
}

async fn refuse_conflicting_settings(plan: &Plan) -> anyhow::Result<()> {
    let issuer = ("jwt_issuer", token::ISSUER);
    let audience = ("jwt_audience", token::AUDIENCE);
    let jwt = ("auth", "jwt");
    for (settings, said) in [
        (&[jwt, audience][..], "the setting `jwt_issuer` is empty, and is needed with `auth` = `jwt`"),
        (&[jwt, issuer], "the setting `jwt_audience` is empty, and is needed with `auth` = `jwt`"),
        (
            &[jwt, issuer, audience, ("jwt_secret", SECRET), ("jwt_jwks_url", "https://keys.example")],
            "the setting `jwt_secret` cannot stand beside `jwt_jwks_url`",
        ),
        (&[jwt, issuer, audience, ("jwt_secret", "short")], "the setting `jwt_secret` has a bad value"),
        (&[("auth", "basic")], "the setting `auth` is `basic`: allowed are header, jwt"),
        (&[("jwt_scopes", "yes")], "the setting `jwt_scopes` is `yes`: allowed are off, on"),
        (&[("jwt_issuer", "https://ann:short@issuer.example")], "the setting `jwt_issuer` has a bad value"),
        (&[("jwt_jwks_url", "https://short@keys.example/k")], "the setting `jwt_jwks_url` has a bad value"),
        (&[("jwt_issuer", "issuer.example")], "the setting `jwt_issuer` is `issuer.example`"),
    ] {
        let mut bank = Command::new(&plan.runner);
        bank.args(["up", "--listen", "127.0.0.1:0", "-f"]).arg(&plan.manifest).stdin(Stdio::null());
        for (name, value) in settings {
            bank.args(["--variable", &format!("{name}={value}")]);
        }
        let ended = bank.kill_on_drop(true).output().await?;
        let error = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(!ended.status.success() && error.contains(said), "{settings:?}: {error}");
        ensure!(!error.contains(SECRET) && !error.contains("short"), "a secret is shown: {error}");
    }
    Ok(())
}
