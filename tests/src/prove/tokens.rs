//! A bank with `auth=jwt`, seen from outside: who gets in, how often the issuer is asked, and what is never logged.
//!
//! `gate.rs`: every route with every kind of token. `rotation.rs`: an issuer that changes its keys, dies and lies.

use crate::prove::Arguments;
use crate::prove::house::{House, Plan, Store};
use crate::prove::summary::Summary;
use crate::token::{self, SECRET};
use anyhow::ensure;
use std::process::Stdio;
use tokio::process::Command;

mod gate;
mod rotation;

/// What begins every token: `{"` in base64url.
const BEGINS_A_TOKEN: &str = "eyJ";

/// Scenarios with one secret.
pub async fn of_a_secret(arguments: &Arguments, summary: &mut Summary) {
    let plan = || Plan { processes: 1, ..arguments.plan(Store::Sqlite) };
    let name = "tokens: every route, with every token that is good or not";
    summary.scenario(name, gate::is_kept(plan().with_tokens())).await;
    let name = "tokens: switching auth never changes a wallet";
    summary.scenario(name, gate::hides_no_wallet(plan())).await;
    let name = "tokens: a token is good until it expires, and not remembered past that";
    summary.scenario(name, gate::closes_in_time(plan().with_tokens())).await;
    let name = "tokens: settings that do not go together are refused at the start";
    summary.scenario(name, settings_are_refused(&plan())).await;
}

/// Scenarios with an issuer.
pub async fn of_an_issuer(arguments: &Arguments, summary: &mut Summary) {
    let name = "tokens: three banks ask the issuer once, follow its new keys, and do without it for a day";
    summary.scenario(name, rotation::is_followed(arguments.plan(Store::Redis))).await;
    let name = "tokens: an issuer that lies, hangs or says too much is not believed, and is left alone";
    let plan = Plan { processes: 1, ..arguments.plan(Store::Sqlite) };
    summary.scenario(name, rotation::never_believes_a_liar(plan)).await;
}

/// No token, nor part of one, nor the secret.
pub async fn are_not_logged(house: &House) -> anyhow::Result<()> {
    let said = house.logs()?;
    ensure!(said.contains("\"component\":\"identity\""), "identity was never asked:\n{said}");
    for secret in [BEGINS_A_TOKEN, SECRET] {
        let line = said.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} is in the log: {}", line.unwrap_or_default());
    }
    Ok(())
}

async fn settings_are_refused(plan: &Plan) -> anyhow::Result<()> {
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
