//! An issuer that changes its keys, dies, hangs and lies.

use crate::answer::Answer;
use crate::bank::Bank;
use crate::issuer::{Issuer, IssuerMode};
use crate::names::fresh;
use crate::prove::deployment::{Deployment, Plan};
use crate::prove::tokens::log::assert_not_logged;
use crate::request::Request;
use crate::token::{AUDIENCE, Key, claims};
use anyhow::{Context as _, ensure};
use futures::future::join_all;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How many ask at once.
const CROWD: usize = 60;
/// The least time between two requests to the issuer, for whatever reason.
const REFETCH_AFTER: Duration = Duration::from_secs(30);
/// How long a bank may wait for an issuer that does not answer, and then for a store.
const PATIENCE: Duration = Duration::from_secs(5);
const HOUR_MS: u64 = 3_600_000;
/// The beginning and the end of the key of the document that has the issuer's keys; their source is in between.
const KEYS_DOCUMENT: (&str, &str) = ("bank:{issuer:", "}:keys");

fn with_issuer(issuer: &Issuer, plan: Plan) -> Plan {
    plan.with(&[("auth", "jwt"), ("jwt_issuer", &issuer.name()), ("jwt_audience", AUDIENCE)])
}

fn wallet<'a>(bank: &'a Bank, token: &str) -> Request<'a> {
    bank.get("/v1/wallet").header("authorization", format!("Bearer {token}"))
}

async fn crowd(bank: &Bank, token: impl Fn(usize) -> String) -> Vec<Answer> {
    join_all((0..CROWD).map(|number| {
        let request = wallet(bank, &token(number));
        async move { request.await }
    }))
    .await
}

pub async fn rotate_keys(plan: Plan) -> anyhow::Result<()> {
    let keys = ["RS256", "PS256", "ES256", "EdDSA"].map(|algorithm| Key::of(algorithm, 1));
    let issuer = Issuer::start(&keys.each_ref()).await?;
    let mut deployment = Deployment::build(with_issuer(&issuer, plan)).await?;
    let bank = deployment.client();
    let user = fresh("ann");
    let token = |key: &Key| key.token(&claims(&issuer.name(), &user));
    issuer.set_mode(IssuerMode::Late);
    for answer in crowd(&bank, |number| token(&keys[number % keys.len()])).await {
        answer.is(200);
    }
    ensure!(
        issuer.key_fetches() == 1,
        "{CROWD} at once on three banks: asked {} times",
        issuer.key_fetches()
    );
    issuer.set_mode(IssuerMode::Ok);
    let fetched = Instant::now();
    publish_new_key(&deployment, &issuer, &keys, fetched, &token).await?;
    do_without_issuer(&mut deployment, &issuer, &keys, &token).await?;
    assert_not_logged(&deployment).await
}

/// Tokens of known keys are good all the time; a new key is found by the first token that names it, at most every 30
/// s.
async fn publish_new_key(
    deployment: &Deployment,
    issuer: &Issuer,
    keys: &[Key],
    fetched: Instant,
    token: &impl Fn(&Key) -> String,
) -> anyhow::Result<()> {
    let (bank, new) = (deployment.client(), Key::of("EdDSA", 2));
    issuer.publish(&keys.iter().chain([&new]).collect::<Vec<_>>());
    let (old_token, new_token) = (token(&keys[3]), token(&new));
    while fetched.elapsed() < REFETCH_AFTER + Duration::from_secs(1) {
        wallet(&bank, &old_token).await.is(200);
        if fetched.elapsed() < REFETCH_AFTER - Duration::from_secs(2) {
            wallet(&bank, &new_token).await.problem(503, "storage-unavailable");
            ensure!(issuer.key_fetches() == 1, "asked again after {:?}", fetched.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let tokens = [&old_token, &new_token];
    for (number, answer) in crowd(&bank, |number| tokens[number % 2].clone()).await.into_iter().enumerate() {
        // A few requests wait for the issuer. The others get a 503, and succeed when they come again.
        if number % 2 == 0 || answer.status == 200 {
            drop(answer.is(200));
        } else {
            answer.problem(503, "storage-unavailable");
            ensure!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    }
    for answer in crowd(&bank, |number| tokens[number % 2].clone()).await {
        answer.is(200);
    }
    ensure!(issuer.key_fetches() == 2, "for a new key asked {} times", issuer.key_fetches() - 1);
    let unknown = Key::of("EdDSA", 3);
    for answer in crowd(&bank, |_| token(&unknown)).await {
        // The key may be newer than the issuer's last answer, and the issuer is not asked again so soon.
        answer.problem(503, "storage-unavailable");
    }
    ensure!(issuer.key_fetches() == 2, "for a key that nobody has asked {} times", issuer.key_fetches() - 2);
    Ok(())
}

/// While the issuer cannot be reached, its keys are good for a day, and no longer.
async fn do_without_issuer(
    deployment: &mut Deployment,
    issuer: &Issuer,
    keys: &[Key],
    token: &impl Fn(&Key) -> String,
) -> anyhow::Result<()> {
    for (mode, age_hours, is_good) in [
        (IssuerMode::Status(500), 23, true),
        (IssuerMode::Hangs, 23, true),
        (IssuerMode::Status(500), 25, false),
    ] {
        issuer.set_mode(mode.clone());
        let is_kept = |name: &String| name.starts_with(KEYS_DOCUMENT.0) && name.ends_with(KEYS_DOCUMENT.1);
        let mut stored = deployment.stored().await?;
        let name = stored.keys().find(|name| is_kept(name)).cloned().context("no keys are kept")?;
        let kept = stored.remove(&name).context("no keys are kept")?;
        let mut kept: Value = serde_json::from_slice(&kept)?;
        let now_ms = crate::token::now() * 1000;
        kept["as_of_ms"] = (now_ms - age_hours * HOUR_MS).into();
        deployment.replace_stored(&name, kept.to_string().as_bytes()).await?;
        // So that no instance remembers newer keys.
        deployment.restart_with(&[]).await?;
        for answer in crowd(&deployment.client(), |number| token(&keys[number % keys.len()])).await {
            ensure!(answer.took < PATIENCE, "{mode:?}: {:?}", answer.took);
            if is_good { drop(answer.is(200)) } else { drop(answer.problem(503, "storage-unavailable")) }
        }
    }
    Ok(())
}

/// Nobody gets in by keys that are not the issuer's, and no other host is called that the issuer points at.
pub async fn refuse_lying_issuers(plan: Plan) -> anyhow::Result<()> {
    let (key, other_key) = (Key::of("EdDSA", 1), Key::of("EdDSA", 2));
    let other = Issuer::start(&[&other_key]).await?;
    let (name, keys_url) = (other.name(), other.keys_url());
    let origin = name.trim_end_matches("/realm").to_owned();
    for (mode, by_jwks_url) in [
        (IssuerMode::Discovery(name.clone(), keys_url.clone()), false),
        (IssuerMode::Discovery(format!("{origin}/else"), keys_url), false),
        (IssuerMode::Redirect(origin.clone()), false),
        (IssuerMode::Redirect(origin), true),
        (IssuerMode::Padded(64 * 1024), true),
        (IssuerMode::Document("{}".into()), true),
        (IssuerMode::Document("<html>".into()), true),
        (IssuerMode::Status(500), false),
        (IssuerMode::Hangs, false),
    ] {
        println!("an issuer in the mode {mode:?}");
        let issuer = Issuer::start(&[&key]).await?;
        issuer.set_mode(mode.clone());
        let plan = with_issuer(&issuer, plan.clone());
        let keys_url = issuer.keys_url();
        let plan = if by_jwks_url { plan.with(&[("jwt_jwks_url", &keys_url)]) } else { plan };
        let deployment = Deployment::build(plan).await?;
        assert_all_refused(&deployment, &issuer, &[key.clone(), other_key.clone()])
            .await
            .with_context(|| format!("{mode:?}"))?;
    }
    ensure!(other.requests() == 0, "another host was asked");
    Ok(())
}

async fn assert_all_refused(deployment: &Deployment, issuer: &Issuer, keys: &[Key]) -> anyhow::Result<()> {
    let bank = deployment.client();
    let mut asked = 0;
    for round in 0..2 {
        for key in keys {
            let answer = wallet(&bank, &key.token(&claims(&issuer.name(), "ann"))).await;
            ensure!(answer.took < PATIENCE, "{:?}", answer.took);
            let problem = answer.problem(503, "storage-unavailable");
            ensure!(problem.member("outcome") == "none", "{answer}");
            if asked == 0 {
                asked = issuer.requests();
            }
        }
        ensure!(asked > 0 && issuer.requests() == asked, "round {round}: asked again");
    }
    let said = deployment.logs()?;
    ensure!(said.contains("keys-not-fetched"), "the log does not say why there are no keys");
    assert_not_logged(deployment).await
}
